"""How `stint map` ends: failures told, signals, readers that leave, dispatchers that die, and what
it shows on a terminal meanwhile."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time

from harness import PATIENCE
from mapping import TWO, map_bytes, succeeded


# ---- ends ----


def test_failures_are_told_at_the_end(t):
    i = t.instance()
    done = map_bytes(i, 'sh', '-c', 'echo "$1"; exit "$1"', 'sh', ':::', 0, 3, 0, 4, check=1)
    t.equal(done.stdout, b'0\n3\n0\n4\n')
    told = done.stderr.decode().splitlines()
    t.contains(told[0], "task 2 failed for '3': exit code 3")
    t.contains(told[1], "task 4 failed for '4': exit code 4")
    t.contains(told[2], '2 of 4 tasks failed')
    t.contains(told[2], 'stint show 2')


def test_many_failures_are_counted(t):
    i = t.instance()
    done = map_bytes(i, 'false', ':::', *range(25), check=1)
    t.equal(len(done.stderr.splitlines()), 11)
    t.contains(done.stderr, b'25 of 25 tasks failed, 15 of them not named here')


def test_commands_that_do_not_exist_fail_each(t):
    i = t.instance()
    done = map_bytes(i, 'no-such-command', ':::', 'a', check=1)
    t.contains(done.stderr, b'No such file')


def test_fail_fast_cancels_the_rest(t):
    i = t.instance(TWO)
    done = map_bytes(i, '--fail-fast', 'sh', '-c', '[ "$1" = 1 ] && exit 7; exec sleep 1000', 'sh',
                     ':::', *range(1, 9), check=1)
    t.contains(done.stderr, b'exit code 7')
    t.contains(done.stderr, b'7 tasks cancelled')


def test_options_of_tasks_apply_to_each(t):
    i = t.instance()
    map_bytes(i, '-N', 'many', '-l', 'k=v', '-p', '7', 'true', ':::', 1, 2, 3)
    rows = i.json('list', 'name:many')['tasks']
    t.equal(len(rows), 3)
    t.equal({row['priority'] for row in rows}, {7})
    done = map_bytes(i, '--timeout', '100ms', 'sleep', ':::', '1000', check=1)
    t.contains(done.stderr, b'timeout')
    counter = i.home / 'count'
    map_bytes(i, '--retries', '2', '--backoff', '1ms', 'sh', '-c',
              f'echo >>{counter}; [ $(wc -l <{counter}) = 3 ]', ':::', 'x')
    t.equal(len(counter.read_text()), 3)


def test_jobs_bounds_what_runs_at_once(t):
    i = t.instance('pools: ({ name = "default"; queues = ["default"]; workers = 6; });\n')
    place = i.home / 'running'
    place.mkdir()
    script = f'mkdir {place}/$1; ls {place} | wc -l; rmdir {place}/$1'
    done = map_bytes(i, '-j', 2, 'sh', '-c', script, 'sh', ':::', *range(60))
    counts = [int(line) for line in done.stdout.split()]
    t.equal(len(counts), 60)
    t.true(max(counts) <= 2, f'{max(counts)} at once')
    done = map_bytes(i, '-j1', 'sh', '-c', script, 'sh', ':::', *range(10))
    t.equal(set(done.stdout.split()), {b'1'})


def test_jobs_bounds_where_a_reload_adds_workers(t):
    i = t.instance(TWO)
    gate = i.gate()
    process = i.spawn('map', '-j', '2', 'cat', ':::', *[gate.path] * 9)
    gate.entered()
    i.config.write_text(TWO.replace('workers = 2', 'workers = 6'))
    i.stint('reload')
    last = int(i.stint('submit', 'true').stdout)
    i.stint('wait', last)  # a task behind all that wait: none of them waits for a worker
    t.equal(len(i.json('list', '--state', 'running,ready')['tasks']), 2)
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE)


def test_a_full_queue_is_waited_for(t):
    i = t.instance('queues: ({ name = "default"; max_waiting = 3; });\n' + TWO)
    done = map_bytes(i, 'echo', ':::', *range(60))
    t.equal(done.stdout.decode().split(), [str(n) for n in range(60)])
    t.equal(done.stderr.count(b'\n'), 1, 'it is told once')
    t.contains(done.stderr, b'waiting for room')


# ---- what goes wrong ----


def test_usage(t):
    i = t.instance(start=False)
    for arguments, part in (
        ([], 'command'),
        (['-j', '0', 'true'], '--jobs'),
        (['-j', 'x', 'true'], '--jobs'),
        (['--call', 'echo', 'true', ':::', 'x'], '--call'),
        (['--call', 'no/queue'], '--call'),
        (['echo', ':::', 'a', ':::', 'b'], ':::'),
        (['-a', 'f', 'echo', ':::', 'a'], ':::'),
        (['--no-such-option', 'true'], '--no-such-option'),
        (['ls -l'], '--shell'),
    ):
        done = i.stint('map', *arguments, check=False)
        t.equal(done.returncode, 64, f'{arguments}: {done.stderr}')
        t.contains(done.stderr, part)
        t.equal(done.stderr.count('\n'), 1)


def test_map_itself_fails_with_125(t):
    i = t.instance()
    done = i.stint('map', '-a', '/nowhere/at/all', 'true', check=125)
    t.contains(done.stderr, '/nowhere/at/all')
    done = i.stint('map', '-q', 'nosuch', 'true', ':::', 'a', 'b', check=125)
    t.contains(done.stderr, 'nosuch')
    i.stop()
    t.contains(i.stint('map', 'true', ':::', 'a', check=125).stderr, 'dispatcher')


def test_dry_run_prints_commands_and_contacts_nobody(t):
    i = t.instance(start=False)
    done = map_bytes(i, '--dry-run', 'gzip', '-k', '--', '{}', ':::', 'a', 'b c', "it's")
    t.equal(done.stdout, b"gzip -k -- a\ngzip -k -- 'b c'\ngzip -k -- 'it'\\''s'\n")
    done = map_bytes(i, '--dry-run', '--shell', 'echo {} | wc -c', ':::', "a 'b'")
    out = subprocess.run(['sh', '-c', done.stdout], capture_output=True, check=True).stdout
    t.equal(out, b'6\n', 'what is printed can be run')
    done = map_bytes(i, '--dry-run', '--call', 'mail', ':::', 'a b')
    t.equal(done.stdout, b"stint call mail 'a b'\n")


def test_ctrl_c_cancels_what_is_not_done(t):
    i = t.instance(TWO)
    process = i.spawn('map', 'sh', '-c', '[ "$1" = 1 ] && exec echo done; exec sleep 1000', 'sh',
                      ':::', *range(1, 101))
    t.equal(process.stdout.readline(), b'done\n')
    t.until(lambda: len(i.json('list', '--state', 'running')['tasks']) == 2, 'two tasks run')
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    t.equal(process.returncode, 130)
    t.equal(out, b'')
    found = re.search(rb'(\d+) tasks cancelled, 1 had ended, (\d+) inputs not begun', err)
    t.true(found, f'it says how many: {err}')
    t.equal(int(found[1]) + int(found[2]), 99)
    states = [row['state'] for row in i.json('list', '-n', '0')['tasks']]
    t.equal(sorted(set(states)), ['cancelled', 'succeeded'])
    t.equal(states.count('cancelled'), int(found[1]))


def test_a_second_ctrl_c_leaves_at_once(t):
    i = t.instance(TWO)
    script = 'trap "echo >told" TERM; echo >started; while :; do sleep 0.05; done'
    process = i.spawn('map', '--cwd', i.home, '--grace', '100s', 'sh', '-c', script, ':::', 'x')
    t.until((i.home / 'started').exists, 'it runs')
    process.send_signal(signal.SIGINT)
    t.until((i.home / 'told').exists, 'the task was told to end')
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    t.equal(process.returncode, 130)
    t.contains(err, b'not waiting')
    i.stint('cancel', '--signal', 'KILL', 'all', check=False)


def test_a_reader_that_leaves_ends_it_quietly(t):
    i = t.instance(TWO)
    process = i.spawn('map', 'sh', '-c', 'yes "$1" | head -n 20000', 'sh', ':::', *range(200))
    t.equal(process.stdout.readline(), b'0\n')
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=PATIENCE)
    t.equal(process.returncode, 128 + signal.SIGPIPE)
    t.equal(err, b'')
    states = {row['state'] for row in i.json('list', '-n', '0')['tasks']}
    t.true(states <= {'cancelled', 'succeeded', 'failed'}, f'nothing goes on: {states}')


def bytes_in(pipe):
    """How much there is to read."""
    return struct.unpack('i', fcntl.ioctl(pipe, termios.FIONREAD, b'\0' * 4))[0]


def test_a_reader_that_stops_does_not_stop_signals(t):
    i = t.instance(TWO)
    process = i.spawn('map', 'sh', '-c', 'yes "$1" | head -n 100000', 'sh', ':::', *range(20))
    t.until(lambda: bytes_in(process.stdout) > 60000, 'the pipe is full')
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE)
    t.equal(process.returncode, 130)


def test_every_output_comes_once_whatever_the_dispatcher_does(t):
    i = t.instance(TWO)
    process = i.spawn('map', 'sh', '-c', 'echo "$1"', 'sh', stdin=subprocess.PIPE)
    numbers = range(1500)

    def feed():
        process.stdin.write(b''.join(b'%d\n' % n for n in numbers))
        process.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    got = []
    for kill_at in 100, 500, 900:
        while len(got) < kill_at:
            got.append(int(process.stdout.readline()))
        i.kill_dispatcher()
    feeder.join()
    process.stdin = None
    got += [int(line) for line in process.stdout]  # communicate() forgets what was read ahead
    _, err = process.communicate(timeout=PATIENCE)
    t.equal(got, list(numbers), f'{err}')
    t.equal(process.returncode, 0)


def test_outputs_that_wait_survive_the_dispatcher(t):
    i = t.instance(TWO)
    gate = i.gate()
    process = i.spawn('map', 'sh', '-c',
                      f'[ "$1" != 0 ] || cat {gate.path}; yes "$1" | head -c 30000', 'sh', ':::',
                      *range(300))
    gate.entered()
    t.until(lambda: succeeded(i) == 299, 'all but the first have ended')
    i.kill_dispatcher()
    gate.open()
    out, _ = process.communicate(timeout=PATIENCE)
    t.true(out == b''.join((b'%d\n' % n * 30000)[:30000] for n in range(300)), 'all are whole')


# ---- progress ----


def on_terminal(i, *arguments, stdout=None):
    """Runs map with a terminal as its stderr (and stdout, unless it is given): what it shows."""
    ours, theirs = pty.openpty()
    process = i.spawn('map', *arguments, stdout=stdout or theirs, stderr=theirs)
    os.close(theirs)
    shown = b''
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # EIO: nobody has it open any more
            break
        if not part:
            break
        shown += part
    os.close(ours)
    process.wait(PATIENCE)
    return shown


def test_progress_is_for_terminals_only(t):
    i = t.instance(TWO)
    i.env['TERM'] = 'xterm'
    with open(i.home / 'out', 'wb') as out:
        began = time.monotonic()
        shown = on_terminal(i, 'sleep', ':::', *['0.2'] * 8, stdout=out)
        most = 4 * (time.monotonic() - began) + 2
        t.true(re.search(rb'\r\x1b\[K\d/8  \d+%  [\d.]+/s', shown), f'progress: {shown}')
        t.true(shown.endswith(b'\r\x1b[K'), 'it is gone at the end')
        t.true(b'\n' not in shown, 'it stays on one line')
        t.true(shown.count(b'\r\x1b[K') <= most, f'at most four times a second: {shown}')
        t.equal(on_terminal(i, '--no-progress', 'sleep', ':::', '0.4', stdout=out), b'')
        i.env['TERM'] = 'dumb'
        t.equal(on_terminal(i, 'sleep', ':::', '0.4', stdout=out), b'')
    t.equal(map_bytes(i, 'sleep', ':::', '0.4').stderr, b'')


def test_progress_is_never_mixed_into_lines(t):
    i = t.instance(TWO)
    i.env['TERM'] = 'xterm'
    shown = on_terminal(i, 'sh', '-c', 'sleep 0.3; echo "line $1"', 'sh', ':::', *range(6))
    visible = re.sub(rb'\r\x1b\[K[^\r\n]*(?=\r\x1b\[K)', b'', shown).replace(b'\r\x1b[K', b'')
    t.equal(visible, b''.join(b'line %d\r\n' % n for n in range(6)))


def test_inputs_can_be_typed(t):
    i = t.instance(TWO)
    i.env['TERM'] = 'xterm'
    ours, theirs = pty.openpty()
    process = i.spawn('map', 'echo', stdin=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, b'one\n')
    t.equal(process.stdout.readline(), b'one\n', 'it need not wait for more')
    os.write(ours, b'\x04')
    process.wait(PATIENCE)
    t.equal(process.returncode, 0)
    shown = os.read(ours, 65536)
    os.close(ours)
    t.contains(shown, b'until Ctrl-D')
    t.true(b'\x1b[K' not in shown, f'nothing is written over what is typed: {shown}')
