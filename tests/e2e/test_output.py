"""Captured output: exact in every size, readable while the task runs, bounded by its limit, never
in the task's way."""
import json
import os
import signal
import sys

from harness import PATIENCE, alive

# Writes SIZE bytes of a pattern that shows every lost or repeated byte to a stream, in pieces.
WRITE = '''import sys
size, stream = int(sys.argv[1]), (sys.stdout, sys.stderr)[int(sys.argv[2])].buffer
data = b''.join(n.to_bytes(4, 'big') for n in range(size // 4 + 1))[:size]
for at in range(0, size, 50_001):
    stream.write(data[at:at + 50_001])
    stream.flush()
'''


def pattern(size):
    return b''.join(n.to_bytes(4, 'big') for n in range(size // 4 + 1))[:size]


SIZES = 0, 1, 65535, 65536, 65537, 256 * 1024, 10 << 20


def test_output_of_every_size_is_exact(t):
    i = t.instance()
    for size in SIZES:
        task = i.submit(sys.executable, '-c', WRITE, size, 0)
        t.true(i.output(task) == pattern(size), f'result of {size} bytes')
        t.true(i.stint('logs', task, text=False).stdout == pattern(size), f'logs of {size} bytes')
    errors = i.submit(sys.executable, '-c', WRITE, 65537, 1)
    i.ended(errors)
    for options in (), ('--stderr',):
        done = i.stint('logs', *options, errors, text=False)
        t.true((done.stdout, done.stderr) == (b'', pattern(65537)), 'logs of stderr')
    t.equal(i.stint('logs', '--stdout', errors).stderr, '')
    t.equal(i.stint('result', errors).stdout, '')


def test_run_streams_every_size_exactly(t):
    i = t.instance()
    for size in SIZES:
        done = i.stint('run', sys.executable, '-c', WRITE, size, 0, text=False)
        t.true(
            done.stdout == pattern(size) and not done.stderr,
            f'run of {size} bytes: {len(done.stdout)} came',
        )
    done = i.stint('run', sys.executable, '-c', WRITE, 10 << 20, 1, text=False)
    t.true(done.stderr == pattern(10 << 20), 'run of 10 MiB of stderr')


def test_output_survives_a_restart(t):
    i = t.instance()
    small, large = i.submit('echo', 'small'), i.submit(sys.executable, '-c', WRITE, 300_000, 0)
    i.ended(small), i.ended(large)
    i.stop()
    i.start()
    t.equal(i.output(small), b'small\n')
    t.true(i.output(large) == pattern(300_000), 'a file of output')


def test_logs_of_a_running_task(t):
    i = t.instance()
    gate = i.gate()
    task = i.submit('--shell', f'echo one; echo two; echo bad >&2; cat {gate.path}; echo three')
    gate.entered()
    t.until(
        lambda: i.stint('logs', '--stdout', task).stdout == 'one\ntwo\n',
        'what it has written can be read',
    )
    t.until(lambda: i.stint('logs', '--stderr', task).stderr == 'bad\n', 'on both streams')
    i.stint('result', task, check=75)
    gate.open()
    i.ended(task)
    done = i.stint('logs')
    t.equal((done.stdout, done.stderr), ('one\ntwo\nthree\n', 'bad\n'), 'no id: the last')
    told = i.json('logs', task)
    t.equal(
        (told['schema'], told['logs']['task'], told['logs']['stdout'], told['logs']['stderr']),
        (1, task, 'one\ntwo\nthree\n', 'bad\n'),
    )


def test_logs_of_what_has_not_run(t):
    i = t.instance()
    task = i.submit('--delay', '1d', 'true')
    t.contains(i.stint('logs', task, check=75).stderr, 'delayed')
    i.stint('cancel', task)
    t.contains(i.stint('logs', task, check=65).stderr, 'before it ran')
    i.stint('logs', 99, check=65)
    i.stint('result', check=64)


def test_logs_are_of_the_last_attempt(t):
    i = t.instance()
    task = i.submit(
        '--retries',
        1,
        '--backoff',
        '1ms',
        '--shell',
        'echo try $STINT_ATTEMPT; test $STINT_ATTEMPT = 2',
    )
    i.ended(task)
    t.equal(i.stint('logs', task).stdout, 'try 2\n')
    t.equal(i.stint('result', task).stdout, 'try 2\n')


def test_beyond_the_limit_the_head_is_kept_and_the_rest_is_counted(t):
    i = t.instance()
    for limit, size in ('100K', 1_000_000), ('10', 11), ('0', 5):
        task = i.submit('--output-limit', limit, sys.executable, '-c', WRITE, size, 0)
        kept = {'100K': 102400, '10': 10, '0': 0}[limit]
        t.equal(i.ended(task)['state'], 'succeeded', 'the task does not notice')
        done = i.stint('logs', task, text=False)
        t.true(done.stdout == pattern(kept), f'{len(done.stdout)} of {kept} bytes are kept')
        t.contains(done.stderr, str(size - kept).encode())
        attempt = i.json('show', task)['task']['attempts'][0]
        t.equal((attempt['stdout_bytes'], attempt['stdout_dropped']), (size, size - kept))
    run = i.stint('run', '--output-limit', '1K', sys.executable, '-c', WRITE, 5000, 0, text=False)
    t.true(run.stdout == pattern(1024), 'run shows the head')
    t.contains(run.stderr, b'3976')


def test_nobody_who_holds_the_pipe_delays_the_end(t):
    i = t.instance()
    pid_file = i.home / 'pid'
    script = (
        f'echo before; setsid sh -c "echo \\$\\$ >{pid_file}; exec sleep 1000" & while ! test -s'
        f' {pid_file}; do :; done'
    )
    done = i.stint('run', '--shell', script, timeout=PATIENCE)
    t.equal(done.stdout, 'before\n')
    pid = int(pid_file.read_text())
    t.until(lambda: not alive(pid), 'what the task left behind is ended')


def test_a_task_is_never_blocked_by_its_reader(t):
    i = t.instance()
    process = i.spawn('run', sys.executable, '-c', WRITE, 10 << 20, 0)
    t.equal(process.stdout.read(1), b'\0')
    os.kill(process.pid, signal.SIGSTOP)
    t.equal(i.ended(1)['state'], 'succeeded', 'its reader is stopped')
    os.kill(process.pid, signal.SIGCONT)
    t.true(b'\0' + process.stdout.read() == pattern(10 << 20), 'all of it came')


def test_results_of_several(t):
    i = t.instance()
    one, two = i.submit('printf', 'one'), i.submit('printf', '\\377')
    i.ended(one), i.ended(two)
    t.equal(i.stint('result', one, two, text=False).stdout, b'one\xff')
    told = [json.loads(line) for line in i.stint('result', '--json', one, two).stdout.splitlines()]
    text = json.dumps(told)
    t.contains(text, '"one"')
    t.contains(text, '/w==')  # the byte that is no UTF-8, in base64
    i.stint('result', 99, check=65)


def test_messages_through_noop_and_echo(t):
    i = t.instance(
        'queues: ({ name = "default"; }, { name = "noop"; }, { name = "echo"; });\n'
        'pools: ({ name = "default"; queues = ["default"]; workers = 1; },\n'
        '        { name = "n"; queues = ["noop"]; handler = "noop"; workers = 1; },\n'
        '        { name = "e"; queues = ["echo"]; handler = "echo"; workers = 1; });\n'
    )
    t.equal(i.stint('call', '--wait', 'echo', 'hello').stdout, 'hello')
    t.equal(i.stint('call', '--wait', 'noop', 'hello').stdout, '')
    data = bytes(range(256)) * 8192
    t.true(
        i.stint('call', '--wait', 'echo', '-', input=data, text=False).stdout == data,
        '2 MiB of payload',
    )
    t.equal(i.stint('call', '--wait', 'echo', '').stdout, '')
    task = int(i.stint('call', 'echo', 'later', '-p', 5, '-N', 'named', '-l', 'k=v').stdout)
    row = i.ended(task)
    t.equal(
        (row['kind'], row['state'], row['priority'], row['name'], row['labels'], row['queue']),
        ('message', 'succeeded', 5, 'named', {'k': 'v'}, 'echo'),
    )
    t.equal(i.stint('result', task).stdout, 'later')
    t.contains(i.stint('call', 'default', 'x', check=65).stderr, 'default')
    t.contains(i.stint('submit', '-q', 'echo', 'true', check=65).stderr, 'echo')
    i.stint('call', check=64)
    i.stint('call', 'nowhere', 'x', check=65)
