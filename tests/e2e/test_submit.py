"""`stint submit`: what is accepted, in which order it runs, how exactly the command is executed."""
import json
import os
import signal
import sys

from harness import ONE_WORKER

# A task that tells what it was given, as JSON on stdout; bytes as surrogates.
TELL = '''import json, os, resource, sys
lines = open('/proc/self/status').read().splitlines()
status = dict(line.split(':', 1) for line in lines if ':' in line)
os.umask(mask := os.umask(0))
told = dict(argv=sys.argv[1:], env=dict(os.environ), cwd=os.getcwd(), umask=mask,
            stdin=sys.stdin.buffer.read().hex(), session=os.getsid(0), pid=os.getpid(),
            fds=sorted(int(fd) for fd in os.listdir('/proc/self/fd')),
            ignored=int(status['SigIgn'], 16), blocked=int(status['SigBlk'], 16),
            files=resource.getrlimit(resource.RLIMIT_NOFILE)[0])
json.dump(told, sys.stdout)
'''


def tell(i, options=(), arguments=(), **how):
    """Runs TELL with options of submit and arguments of its own; returns what it told."""
    done = i.stint('submit', *options, sys.executable, '-c', TELL, *arguments, **how)
    return json.loads(i.output(int(done.stdout)))


def test_the_id_alone_is_printed_and_ids_rise(t):
    i = t.instance()
    t.equal(i.stint('submit', 'true').stdout, '1\n')
    done = i.stint('submit', '--json', 'true')
    t.equal(json.loads(done.stdout), {'schema': 1, 'task': {'id': 2}})
    t.equal(done.stderr, '')
    i.stop()
    i.start()
    t.equal(i.stint('submit', 'true').stdout, '3\n', 'the id after a restart')


def test_higher_priority_starts_first_then_lower_id(t):
    i = t.instance(ONE_WORKER)
    gate, log = i.gate(), i.home / 'order'
    i.submit(*gate.command)
    gate.entered()
    for word, priority in ('c', 0), ('e', -100), ('a', 100), ('b', 7), ('d', 0):
        i.submit('-p', priority, '--at-most-once', '--shell', f'echo {word} >>{log}')
    gate.open()
    t.until(lambda: log.exists() and len(log.read_text()) == 10, 'five tasks have run')
    t.equal(log.read_text().split(), list('abcde'))


def test_a_delayed_task_waits_for_its_time(t):
    i = t.instance(ONE_WORKER)
    late = i.submit('--delay', '1500ms', 'true')
    now = i.submit('true')
    t.equal(i.ended(now)['state'], 'succeeded')
    row = i.ended(late)
    waited = row['started_usec'] - row['submitted_usec']
    t.true(1_500_000 <= waited < 30_000_000, f'it waited {waited} µs')
    far = i.submit('--delay', '365d', 'true')
    t.equal(i.task(far)['state'], 'delayed')
    i.stint('cancel', far)


def test_a_failed_task_is_retried_with_backoff(t):
    i = t.instance()
    seen = i.home / 'attempts'
    script = f'echo $STINT_ATTEMPT >>{seen}; test $STINT_ATTEMPT = 3'
    task = i.submit('--retries', 5, '--backoff', '200ms..300ms', '--shell', script)
    row = i.ended(task)
    t.equal((row['state'], row['attempt']), ('succeeded', 3))
    t.equal(seen.read_text(), '1\n2\n3\n')
    attempts = i.json('show', task)['task']['attempts']
    t.equal(
        [(a['attempt'], a['state'], a['code']) for a in attempts],
        [(1, 'failed', 1), (2, 'failed', 1), (3, 'succeeded', 0)],
    )
    waits = [
        later['started_usec'] - earlier['ended_usec']
        for earlier, later in zip(attempts, attempts[1:])
    ]
    t.true(all(wait >= 100_000 for wait in waits), f'no backoff: {waits}')
    given_up = i.submit('--retries', 2, '--backoff', '1ms', 'false')
    row = i.ended(given_up)
    t.equal(
        (row['state'], row['reason'], row['code'], row['attempt']), ('failed', 'exit code', 1, 3)
    )


def test_argv_is_executed_exactly(t):
    i = t.instance()
    words = [
        '',
        ' two  blanks ',
        '"quoted"',
        "it's",
        '$HOME `id` $(id) *',
        'line\nline\n',
        'tab\t',
        '\\',
        '-x',
        '--',
        '--shell',
        'naïve 日本語 😀',
        '\x1b[31m\x07',
    ]
    t.equal(tell(i, (), words)['argv'], words)
    raw = b'raw \xff\xfe\x80 \xc3'
    done = i.stint('submit', 'printf', '%s', raw.decode(errors='surrogateescape'))
    t.equal(i.output(int(done.stdout)), raw)
    many = [str(n) for n in range(5000)]
    t.equal(tell(i, (), many)['argv'], many)


def test_options_end_at_the_command(t):
    i = t.instance()
    t.equal(i.output(i.submit('echo', '--name', '-q', 'x')), b'--name -q x\n')
    t.equal(i.output(i.submit('--', 'echo', '--', 'y')), b'-- y\n')


def test_a_shell_reads_the_line_only_on_demand(t):
    i = t.instance()
    t.equal(
        i.output(i.submit('--shell', 'echo $((6 * 7)) | tr 2 3;', 'echo', 'more')), b'43\nmore\n'
    )
    refused = i.stint('submit', 'echo hello', check=64)
    t.contains(refused.stderr, '--shell')
    spaced = i.home / 'with blank'
    spaced.write_text('#!/bin/sh\necho fine\n')
    spaced.chmod(0o755)
    t.equal(i.output(i.submit(spaced)), b'fine\n')


def test_the_environment(t):
    i = t.instance()
    ours = {'PLAIN': 'x', 'EMPTY': '', 'BLANKS': ' a\nb ', 'UTF': 'ü'}
    told = tell(i, env=ours)['env']
    t.equal({name: told.get(name) for name in ours}, ours, 'the environment of the client')
    t.true('STINT_STATE_DIR' in told, 'all of it is given to a task of one\'s own')
    told = tell(i, ('--env', 'none', '--env', 'PLAIN', '--env', 'OTHER=1=2'), env=ours)['env']
    t.equal(
        {name for name in told if not name.startswith('STINT_')} - {'LC_CTYPE'},
        {'PATH', 'LANG', 'PLAIN', 'OTHER'},
    )
    t.equal((told['PLAIN'], told['OTHER']), ('x', '1=2'))
    told = tell(i, ('--env', 'all', '--env', 'PLAIN=changed', '--env', 'EMPTY='), env=ours)['env']
    t.equal((told['PLAIN'], told['EMPTY'], told['UTF']), ('changed', '', 'ü'))
    t.contains(i.stint('submit', '--env', 'NOT_SET', 'true', check=64).stderr, 'NOT_SET')


def test_the_stint_variables(t):
    i = t.instance()
    first, second = (tell(i, ('-q', 'default')) for _ in range(2))
    env = first['env']
    t.equal(
        (env['STINT_TASK'], env['STINT_ATTEMPT'], env['STINT_QUEUE'], env['STINT_POOL']),
        ('1', '1', 'default', 'default'),
    )
    t.equal(env['STINT_ENDPOINT'], f'ipc://{i.run}/control.sock')
    t.true(
        env['STINT_WORKER'].isdigit() and env['STINT_SLOT'].isdigit(), 'worker and slot are numbers'
    )
    t.true(int(env['STINT_RUN']) < int(second['env']['STINT_RUN']), 'run ids rise')
    inner = i.submit(i.command()[0], 'submit', 'true')  # a task finds its own instance
    t.equal(i.output(inner), f'{inner + 1}\n'.encode())


def test_cwd_and_umask(t):
    i = t.instance()
    place = i.home / 'plä ce'
    place.mkdir()
    t.equal(tell(i, cwd=place)['cwd'], str(place), 'the client\'s own directory')
    t.equal(
        tell(i, ('--cwd', 'plä ce'), cwd=i.home)['cwd'], str(place), 'relative to the client\'s'
    )
    t.equal(tell(i, ('--cwd', '/'))['cwd'], '/')
    t.equal(tell(i, umask=0o027)['umask'], 0o027, 'the client\'s own umask')
    t.equal(tell(i, ('--umask', '077'))['umask'], 0o077)
    t.equal(tell(i, ('--umask', '0'))['umask'], 0)
    gone = i.submit('--cwd', i.home / 'nowhere', 'true')
    row = i.ended(gone)
    t.equal((row['state'], row['reason']), ('failed', 'could not start'))


def test_stdin(t):
    i = t.instance()
    t.equal(tell(i)['stdin'], '')
    data = bytes(range(256)) * 4096
    t.equal(
        bytes.fromhex(tell(i, ('--stdin', '-'), input=data, text=False)['stdin']),
        data,
        '1 MiB of stdin',
    )
    t.equal(tell(i, ('--stdin', '-'), input=b'', text=False)['stdin'], '')
    too_much = i.stint('submit', '--stdin', '-', 'cat', input=data + b'x', text=False, check=65)
    t.contains(too_much.stderr, b'1 MiB')
    (i.home / 'in').write_bytes(b'from a file')
    t.equal(bytes.fromhex(tell(i, ('--stdin', 'in'), cwd=i.home)['stdin']), b'from a file')
    row = i.ended(i.submit('--stdin', i.home / 'missing', 'cat'))
    t.equal((row['state'], row['reason']), ('failed', 'could not start'))


def test_a_task_inherits_nothing_of_ours(t):
    i = t.instance()
    told = tell(i)
    t.equal(told['fds'][:4], [0, 1, 2, 3], 'the last one is for progress')
    t.equal(len(told['fds']), 5, f'descriptors with that of the listing: {told["fds"]}')
    python = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)  # what Python itself ignores
    t.equal(told['ignored'] & ~python, 0, 'ignored signals')
    t.equal(told['blocked'], 0, 'blocked signals')
    t.equal(told['session'], told['pid'], 'it leads a session of its own')
    t.equal(told['files'], 1024, 'soft limit of open files')
    plain = i.output(i.submit('grep', '-E', '^Sig(Blk|Ign)', '/proc/self/status')).split()
    t.equal({plain[1], plain[3]}, {b'0' * 16}, 'signals of a plain program')


def test_name_labels_and_the_rest_are_kept(t):
    i = t.instance(ONE_WORKER)
    gate = i.gate()
    i.submit(*gate.command)
    task = i.submit(
        '-N', 'näme', '-l', 'a=1', '--label', 'b=x=y', '-p', -5, '--at-most-once', 'echo', 'a b'
    )
    row = i.task(task)
    t.equal(
        (
            row['name'],
            row['labels'],
            row['priority'],
            row['at_most_once'],
            row['summary'],
            row['queue'],
            row['uid'],
        ),
        ('näme', {'a': '1', 'b': 'x=y'}, -5, True, "echo 'a b'", 'default', os.geteuid()),
    )
    t.equal((row['state'], row['kind'], row['attempt']), ('ready', 'command', 0))
    gate.open()
    t.equal(i.ended(task)['state'], 'succeeded', 'at-most-once runs once')
    t.equal(i.task(task)['attempt'], 1)


def test_what_cannot_be_submitted(t):
    i = t.instance()
    for options in (
        ['--at-most-once', '--retries', '1', 'true'],
        ['-p', '101', 'true'],
        ['-p', 'x', 'true'],
        ['-l', 'nolabel', 'true'],
        ['-N', 'n' * 129, 'true'],
        ['--delay', '5x', 'true'],
        ['--timeout', '0s', 'true'],
        ['--umask', '8', 'true'],
        ['--retries', '-1', 'true'],
        ['--backoff', '5m..2s', 'true'],
        ['--output-limit', 'x', 'true'],
        ['-q', 'a b', 'true'],
        ['--env', '=x', 'true'],
        ['--grace', '50d', 'true'],
        [],
        [''],
    ):
        done = i.stint('submit', *options, check=64)
        t.equal(
            (done.stdout, done.stderr.count('\n'), done.stderr[:7]),
            ('', 1, 'stint: '),
            f'{options}',
        )
    labels = [word for n in range(17) for word in ('-l', f'k{n}=v')]
    i.stint('submit', *labels, 'true', check=64)
    unknown = i.stint('submit', '-q', 'nowhere', 'true', check=65)
    t.contains(unknown.stderr, 'nowhere')
    t.equal(i.json('list')['tasks'], [], 'nothing of it was queued')


def test_a_full_queue_refuses(t):
    i = t.instance(
        'queues: ({ name = "default"; max_waiting = 2; }, { name = "other"; });\n'
        'pools: ({ name = "default"; queues = ["default", "other"]; workers = 1; });\n'
    )
    gate = i.gate()
    i.submit(*gate.command)
    gate.entered()
    i.submit('--at-most-once', 'true')
    i.submit('--at-most-once', 'true')
    refused = i.stint('submit', 'true', check=75)
    t.contains(refused.stderr, 'default')
    i.stint('run', 'true', check=125)
    i.submit('-q', 'other', 'true')
    gate.open()
    t.until(lambda: i.stint('submit', 'true', check=False).returncode == 0, 'there is room again')
