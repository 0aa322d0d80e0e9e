"""Options of tasks (when, where and as what they run), and the choice of what is listed."""

import datetime
import os
import subprocess
import time

DAY_USEC = 86_400_000_000
FAR = '2099-01-31T12:00:00Z'
FAR_USEC = int(datetime.datetime(2099, 1, 31, 12, tzinfo=datetime.timezone.utc).timestamp()) * 10**6


def test_when_it_starts(t):
    i = t.instance()
    i.env['TZ'] = 'UTC'
    for when in FAR, '2099-01-31 12:00', '2099-01-31 12:00:00':
        began = time.time()
        row = i.task(i.submit('--at', when, 'true'))
        late = row['due_usec'] - FAR_USEC  # by as much as submitting took
        t.true(row['state'] == 'delayed' and -1e6 <= late <= (time.time() - began) * 1e6, f'{late}')
    began = time.time()
    row = i.task(i.submit('--delay', '1d', 'true'))
    t.true(row['due_usec'] >= began * 1e6 + DAY_USEC - 1e6, 'not before its delay')
    for when in '18:30', 'tomorrow 06:00', 'monday 9:00', 'tomorrow':
        row = i.task(i.submit('--at', when, 'true'))
        t.true(row['due_usec'] > row['submitted_usec'], when)
    for words, part in (
        (['--at', 'yesterday'], 'yet to come'),
        (['--at', 'soon'], 'tomorrow 06:00'),
        (['--at', FAR, '--delay', '1d'], 'contradict'),
        (['--delay', '1 fortnight'], '250ms'),
        (['--delay', '200y'], ''),
    ):
        t.contains(i.stint('submit', *words, 'true', check=64).stderr, part)
    i.stint('run', '--delay', '1ms', 'true')


def test_how_long_it_may_run(t):
    i = t.instance()
    done = i.stint('run', '--timeout', '50ms', '--grace', '0s', 'sleep', '1000', check=124)
    t.contains(done.stderr, 'timeout')
    shown = i.json('show', 'last')['task']
    t.equal(shown['timeout_usec'], 50_000)
    t.true(shown['grace_usec'] <= 1000, 'no grace')
    for words, part in (
        (['--timeout', '0'], 'leave it out'),
        (['--timeout', 'x'], '250ms'),
        (['--grace', '60d'], '49 days'),
        (['--retries', '65536'], '65535'),
        (['--backoff', '5m..2s'], 'LEAST..MOST'),
        (['--retries', '1', '--at-most-once'], 'contradict'),
        (['--priority', '101'], '-100 to 100'),
    ):
        t.contains(i.stint('submit', *words, 'true', check=64).stderr, part)


def test_group_and_nice(t):
    i = t.instance()
    t.equal(i.stint('run', '--nice', '7', 'nice').stdout, f'{os.nice(0) + 7}\n')
    one, two = i.submit('-g', 'night.ly', 'true'), i.submit('--group', 'other', 'true')
    t.equal(i.ended(one)['group'], 'night.ly')
    t.equal([row['id'] for row in i.json('list', 'group:night.ly')['tasks']], [one])
    t.equal(i.stint('wait', 'group:other').returncode, 0)
    t.contains(i.stint('show', two).stdout, '\ngroup       other\n')
    for words, part in (
        (['--nice', '20'], '0 to 19'),
        (['--nice', '-1'], '0 to 19'),
        (['-g', 'a b'], '1 to 64'),
        (['-g', ''], '1 to 64'),
    ):
        t.contains(i.stint('submit', *words, 'true', check=64).stderr, part)


def test_env_file(t):
    i = t.instance()
    file = i.home / 'env'
    file.write_text('# comment\nA=one two\nB="x y"\n\nC=\'$A\'\nA=later\n')
    script = 'echo "$A|$B|$C|$D"'
    t.equal(i.stint('run', '--env-file', file, 'sh', '-c', script).stdout, 'later|x y|$A|\n')
    t.equal(
        i.stint('run', '--env-file', file, '--env=B=last', '--env=D=d', 'sh', '-c', script).stdout,
        'later|last|$A|d\n',
        'later ones win',
    )
    t.equal(
        i.stint('run', '--env', 'none', '--env-file', file, '/usr/bin/env').stdout.count('HOME='), 0
    )
    for text, part in (
        ('no line', 'line 1'),
        ('A=1\nB="open', 'line 2'),
        ('A=1\n1B=x\n', 'line 2'),
    ):
        file.write_text(text)
        t.contains(i.stint('submit', '--env-file', file, 'true', check=64).stderr, part)
    t.contains(i.stint('submit', '--env-file', '/no/file', 'true', check=64).stderr, '/no/file')


def test_where_it_runs(t):
    i = t.instance()
    place = i.home / 'a place'
    place.mkdir()
    for words in ['-C', place], ['--cwd', place], [f'-C{place}'], [f'--cwd={place}']:
        t.equal(i.stint('run', *words, 'pwd').stdout, f'{place}\n')
    t.equal(i.stint('run', '-C', 'a place', 'pwd', cwd=i.home).stdout, f'{place}\n', 'from here')
    done = i.stint('run', '-C', i.home / 'none', 'pwd', check=None)
    t.true(done.returncode in (126, 127), 'there is none')
    t.contains(done.stderr, 'could not start')


def test_a_dry_run_prints_what_would_be_submitted(t):
    i = t.instance(start=False)
    words = ['-q', 'q', '-p', 5, '-N', "a 'b", '-l', 'k=v w', '-g', 'g', '--at', FAR]
    words += ['--timeout', '1h', '--grace', '0s', '--retries', 2, '--backoff', '1s..1m', '-C', '/']
    words += ['--umask', '077', '--nice', 3, '--env', 'A=b c', '--output-limit', '1K']
    words += ['--', 'echo', '-n', '$x', '']
    line = i.stint('submit', '--dry-run', *words).stdout
    told = i.json('submit', '--dry-run', *words)['dry_run']
    told.pop('delay_usec')  # until a point of time, from now
    command, *words = [word for word in words_of(line) if word != '--user']
    again = i.json(command, '--dry-run', *words)['dry_run']
    again.pop('delay_usec')
    t.equal(again, told, line)
    t.equal(told['command']['argv'], ['echo', '-n', '$x', ''])


def words_of(line):
    """The words of a line as a shell reads them, without `stint` itself."""
    done = subprocess.run(['sh', '-c', f'printf "%s\\0" {line}'], capture_output=True, check=True)
    return done.stdout.decode().split('\0')[1:-1]


def listed(i, *words):
    return [row['id'] for row in i.json('list', *words)['tasks']]


def test_since(t):
    i = t.instance()
    i.env['TZ'] = 'UTC'
    one, two = i.submit('-l', 'a=b', 'true'), i.submit('true')
    for since in '1h', 'yesterday', 'yesterday 12:00', '2020-01-31 12:00', '2020-01-31T12:00:00Z':
        t.equal(listed(i, '--since', since), [two, one], since)
    t.equal(listed(i, '--since', '1h', 'label:a=b'), [one], 'with a selector')
    t.equal(listed(i, '--since', '1h', '-n', '1'), [two], 'with a number')
    t.equal(listed(i, '--since', FAR), [], 'nothing has come since')
    for since in 'x', '', '25:00', 'someday':
        t.contains(i.stint('list', '--since', since, check=64).stderr, '2h (ago)')
