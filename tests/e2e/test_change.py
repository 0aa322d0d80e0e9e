"""Commands that change tasks: retry, signal, cancel, purge; and reload. What they choose, what they
print for people and as JSON, and what they refuse."""

import os
import signal

from harness import ONE_WORKER, PATIENCE

TWO_QUEUES = (
    'queues: ({ name = "default"; }, { name = "mail"; });\n'
    'pools: ({ name = "default"; queues = ["default", "mail"]; workers = 2; });\n'
)


def refused(t, i, code, words, *parts):
    """A command ends with this code, after one line on stderr that has all parts."""
    done = i.stint(*words, check=code)
    t.equal(done.stderr.count('\n'), 1, f'{words}: {done.stderr!r}')
    for part in parts:
        t.contains(done.stderr, str(part))


def ids(text):
    return [int(line) for line in text.splitlines()]


def failed(i, *options):
    task = i.submit(*options, 'sh', '-c', 'exit 3')
    i.ended(task)
    return task


# ---- retry ----


def test_retry_makes_a_new_task_alike(t):
    i = t.instance(TWO_QUEUES)
    old = failed(i, '-q', 'mail', '-N', 'n', '-l', 'k=v', '-g', 'g', '-p', 7, '--env', 'A=b')
    new = int(i.stint('retry', old).stdout)
    t.equal(i.ended(new)['state'], 'failed')
    before, after = (i.json('show', task)['task'] for task in (old, new))
    for key in 'queue', 'name', 'labels', 'group', 'priority', 'command':
        t.equal(after[key], before[key], key)
    t.equal((before['retried_as'], after['retry_of']), (new, old))
    t.contains(i.stint('show', old).stdout, f'retried as  {new}\n')
    t.contains(i.stint('show', new).stdout, f'retry of    {old}\n')
    refused(t, i, 75, ['retry', old], f'retried as task {new}', '--again')
    t.equal(ids(i.stint('retry', '--again', old).stdout), [new + 1])
    told = i.json('retry', '--again', old)
    t.equal((told['schema'], told['retry']), (1, [{'task': old, 'retried_as': new + 2}]))


def test_retry_of_many_leaves_out_what_was_retried(t):
    i = t.instance(TWO_QUEUES)
    good = i.submit('-g', 'g', 'true')
    i.ended(good)
    bad = [failed(i, '-g', 'g'), failed(i, '-q', 'mail', '-l', 'a=b'), failed(i, '-N', 'x')]
    waiting = i.submit('--delay', '1d', 'true')
    for selector, count in (
        ('group:g', 1), ('label:a=b', 1), ('name:x', 1), ('failed', 3), ('succeeded', 1),
    ):
        new = ids(i.stint('retry', selector).stdout)
        t.equal(len(new), count, selector)
        for task in new:
            i.ended(task)
    for selector in 'delayed', 'group:none', 'label:a=c':
        refused(t, i, 65, ['retry', selector], 'can be retried')
    refused(t, i, 75, ['retry', waiting], 'has not ended')
    refused(t, i, 75, ['retry', *bad], '3 such in all')
    refused(t, i, 65, ['retry', 99], 'no task 99')
    for words, part in ([], 'all'), (['faild'], 'failed'), (['--agian', 1], '--again'):
        refused(t, i, 64, ['retry', *words], part)


# ---- signal and cancel ----


def test_signal_reaches_every_process_of_a_running_task(t):
    i = t.instance()
    gate = i.gate()
    script = f'trap "echo got it; exit 5" USR1; cat {gate.path} & wait; wait'
    running, waiting = i.submit('-N', 'n', 'sh', '-c', script), i.submit('--delay', '1d', 'true')
    gate.entered()
    done = i.stint('signal', 'usr1', 'name:n')
    t.equal(done.stdout, '1 signalled\n')
    row = i.ended(running)
    t.equal((row['state'], row['reason'], row['code']), ('failed', 'exit code', 5))
    t.equal(i.output(running), b'got it\n')
    t.equal(i.stint('signal', 'TERM', f'{running},{waiting}').stdout,
            '0 signalled, 1 not running yet, 1 had ended before\n')
    t.equal(i.json('signal', '15', running, waiting)['signal'],
            {'signalled': 0, 'ended': 1, 'waiting': 1, 'unknown': 0, 'denied': 0})
    for words, code, part in (
        ([], 64, 'no signal'),
        (['TERM'], 64, 'no task'),
        (['TRM', running], 64, 'TERM'),
        (['KLL', running], 64, 'KILL'),
        (['0', running], 64, 'from 1 to 64'),
        (['65', running], 64, 'from 1 to 64'),
        (['TERM', 99], 65, 'no task 99'),
        (['TERM', 'running'], 65, 'running'),
        (['TERM', 'queue:defualt'], 65, 'default'),
    ):
        refused(t, i, code, ['signal', *words], part)


def test_cancel_by_every_selector(t):
    i = t.instance(TWO_QUEUES)
    for options, selector in (
        ([], '{}'),
        ([], 'last'),
        (['-N', 'n'], 'name:n'),
        (['-g', 'g'], 'group:g'),
        (['-l', 'k=v'], 'label:k=v'),
        (['-q', 'mail'], 'queue:mail'),
        ([], 'delayed'),
        ([], 'all'),
    ):
        task = i.submit(*options, '--delay', '1d', 'true')
        done = i.stint('cancel', selector.format(task))
        t.equal((done.stdout, done.stderr), ('1 cancelled\n', ''), selector)
        t.equal(i.task(task)['state'], 'cancelled')
    t.equal(i.stint('cancel', 'all').stdout, '0 cancelled\n')
    t.equal(i.stint('cancel', '1-3,5').stdout, '0 cancelled, 4 had ended before\n')
    t.equal(i.json('cancel', 1)['cancel'], {'cancelled': 0, 'ended': 1, 'unknown': 0, 'denied': 0})
    for words, code, part in (
        ([], 64, 'all'),
        (['lsat'], 64, 'last'),
        (['--signal', 'KLL', 1], 64, 'KILL'),
        ([99], 65, 'there is no task 99: see'),
        ([98, 99], 65, '2 such in all'),
        (['name:m'], 65, 'name m'),
        (['queue:mial'], 65, 'did you mean mail?'),
    ):
        refused(t, i, code, ['cancel', *words], part)


# ---- purge ----


def test_purge_forgets_what_has_ended(t):
    i = t.instance(TWO_QUEUES)
    one = i.submit('echo', 'one')
    i.ended(one)
    two, three = failed(i, '-N', 'n'), failed(i, '-q', 'mail')
    waiting = i.submit('--delay', '1d', 'true')
    t.equal(i.stint('purge', '--older', '1d', 'all').stdout,
            '0 purged, 3 left alone: ended less than --older ago\n')
    t.equal(i.json('purge', '--older', '1d', 'failed')['purge'],
            {'purged': 0, 'unended': 0, 'younger': 2, 'unknown': 0, 'denied': 0})
    t.equal(i.stint('purge', waiting).stdout, '0 purged, 1 left alone: not ended\n')
    t.equal(i.stint('purge', one).stdout, '1 purged\n')
    for command in 'show', 'logs', 'result', 'list', 'purge', 'retry':
        refused(t, i, 65, [command, one], f'no task {one}')
    t.equal(i.json('purge', 'queue:mail')['purge']['purged'], 1)
    t.equal(i.stint('purge', 'all').stdout, '1 purged\n')
    t.equal([row['id'] for row in i.json('list')['tasks']], [waiting])
    t.equal(i.submit('true'), waiting + 1, 'no id is given again')
    for words, code, part in (
        ([], 64, 'all'),
        (['--older', '7'], 64, 'no task'),
        (['--older', 'x', 'all'], 64, '7d'),
        ([two], 65, f'no task {two}: see'),
        ([two, three], 65, '2 such in all'),
        (['cancelled'], 65, 'cancelled'),
    ):
        refused(t, i, code, ['purge', *words], part)


# ---- reload ----


def test_reload_tells_every_finding_and_changes_nothing(t):
    i = t.instance(ONE_WORKER)
    done = i.stint('reload')
    t.equal(done.stdout, 'nothing has changed\nthe configuration is in force (generation 2)\n')
    generation = i.json('reload')['reload']['generation']
    i.config.write_text('queus: ();\n' + ONE_WORKER.replace('1', '-1'))
    done = i.stint('reload', check=78)
    lines = done.stderr.splitlines()
    t.equal((len(lines), done.stdout), (3, ''), done.stderr)
    file = i.config
    for number, part in (0, f'{file}:1: '), (0, 'queues'), (1, f'{file}:2: '), (2, '2 findings'):
        t.contains(lines[number], part)
    told = i.json('reload', check=78)
    t.equal(len(told['reload']['findings']), 2)
    i.stint('run', 'true')
    i.config.write_text(TWO_QUEUES)
    told = i.json('reload')['reload']
    t.true(told['generation'] > generation, 'a new one is in force')
    t.equal(told['changes'][0], 'queues.mail: new (at once)')
    i.stint('run', '-q', 'mail', 'true')
    refused(t, i, 64, ['reload', 'now'], 'now')
    done = i.stint('reload', '--quiet')
    t.equal((done.stdout, done.stderr), ('', ''))


def test_reload_tells_when_each_change_takes_effect(t):
    i = t.instance(ONE_WORKER)
    i.config.write_text(
        ONE_WORKER.replace('workers = 1', 'workers = 3') + 'daemon: { stop_timeout = "9s"; };\n'
    )
    *changes, last = i.stint('reload').stdout.splitlines()
    t.equal(last, 'the configuration is in force (generation 2)')
    t.equal(
        changes,
        [
            'daemon.stop_timeout: "30s" → "9s" (at once: a stop that has begun keeps the old one)',
            'pools.default.workers: 1 → 3 (at once: new ones start now, those too many finish what '
            'they do first)',
        ],
    )
    t.until(lambda: changes[1] in i.log_text(), 'the log says the same')
    i.config.write_text(ONE_WORKER + f'\nstore: {{ url = "sqlite:{i.home}/x.db"; }};\n')
    done = i.stint('reload', check=78)
    t.contains(done.stderr, 'store.url: ')
    t.contains(done.stderr, 'changes only with a restart')


# ---- config ----


def settings(i, *words):
    return {key['key']: key for key in i.json('config', *words)['config']['keys']}


def test_config_tells_what_is_in_force_and_who_said_so(t):
    i = t.instance(ONE_WORKER)
    before = settings(i)
    t.equal(before['pools.default.workers']['value'], 1)
    t.equal(before['pools.default.workers']['file'], str(i.config))
    t.equal(before['store.retention.age'], {
        'key': 'store.retention.age', 'value': '7d', 'file': None, 'line': None,
    })
    t.equal(before['store.url']['value'], i.json('status')['status']['store'])
    t.equal(before['pools.default.queues']['value'], ['default'])
    i.config.write_text('# a line\n' + ONE_WORKER.replace('workers = 1', 'workers = 2'))
    extra = i.config.parent / 'more.conf'
    with i.config.open('a') as config:
        config.write('@include "more.conf"\n')
    extra.write_text('\ndaemon: { log_level = "debug"; };\n')
    t.equal(settings(i), before, 'what files say is not in force')
    generation = i.json('reload')['reload']['generation']
    after = settings(i)
    t.equal(i.json('config')['config']['generation'], generation)
    t.equal(after['pools.default.workers']['value'], 2)
    t.equal(
        after['pools.default.workers']['line'], before['pools.default.workers']['line'] + 1
    )
    t.equal((after['daemon.log_level']['file'], after['daemon.log_level']['line']), (str(extra), 2))
    i.kill_dispatcher()
    t.equal(settings(i), after, 'the next dispatcher knows as much')


def test_config_shows_the_keys_that_are_asked_for(t):
    i = t.instance(ONE_WORKER)
    t.equal(
        list(settings(i, 'store.retention', 'daemon.log_level')),
        ['daemon.log_level', 'store.retention.age', 'store.retention.tasks',
         'store.retention.bytes'],
    )
    given = settings(i, '--given')
    t.true(given and all(key['file'] for key in given.values()), 'only what a file gives')
    t.equal(list(settings(i, '--given', 'store')), [])
    lines = i.stint('config', 'pools').stdout.splitlines()
    t.equal(lines[0].split(), ['KEY', 'VALUE', 'GIVEN', 'IN'])
    t.equal(len(lines), 5)
    t.true(lines[3].endswith(' default') and f' {i.config}:' in lines[4], lines)
    refused(t, i, 65, ['config', 'daemon.loglevel'], 'did you mean daemon.log_level?')
    refused(t, i, 65, ['config', 'pool.default'], 'did you mean pools.default?')
    refused(t, i, 65, ['config', 'xyz'], '`stint config` shows all')
    refused(t, i, 64, ['config', '--all'], '--all')


# ---- who waits meanwhile ----


def test_who_waits_goes_on_with_a_new_dispatcher(t):
    i = t.instance()
    gate = i.gate()
    script = f'echo one; cat {gate.path}; echo two; exit 6'
    task = i.submit('sh', '-c', script)
    gate.entered()
    waiting, following, streaming = (
        i.spawn('wait', task), i.spawn('logs', '-f', task), i.spawn('wait', '--any', task)
    )
    t.equal(following.stdout.readline(), b'one\n')
    i.kill_dispatcher()
    i.stint('ping')
    gate.open()
    t.equal([p.wait(PATIENCE) for p in (waiting, following, streaming)], [6, 0, 6])
    t.equal(following.stdout.read(), b'two\n')


def test_signals_end_who_waits(t):
    i = t.instance()
    gate = i.gate()
    task = i.submit('sh', '-c', f'echo one; cat {gate.path}')
    gate.entered()
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        following = i.spawn('logs', '-f', task)
        t.equal(following.stdout.readline(), b'one\n')
        os.kill(following.pid, number)
        t.equal(following.wait(PATIENCE), -number)
    t.equal(i.task(task)['state'], 'running')
