"""The instance as a whole: start, stop, restart, what survives, and that nothing is left behind."""
import os
import pathlib
import signal

from harness import ONE_WORKER, PATIENCE, alive, children, program


def family(i):
    return [i.daemon.pid, *children(i.daemon.pid)]


def test_a_stop_leaves_nothing_behind(t):
    i = t.instance()
    i.stint('run', 'true')
    processes = family(i)
    t.equal(
        sorted(program(pid) for pid in processes[1:]),
        ['stint-dispatcher', 'stint-worker', 'stint-worker'],
    )
    i.stop()
    t.equal([pid for pid in processes if alive(pid)], [])
    t.equal(list((i.run / 'w').glob('*')), [], 'sockets of workers')


def test_files_are_closed_to_others(t):
    i = t.instance()
    task = i.submit('--shell', 'head -c 100000 /dev/zero')
    i.ended(task)
    for path in [i.state, i.run, *i.state.rglob('*'), *i.run.rglob('*')]:
        if not path.is_symlink():
            t.equal(path.stat().st_mode & 0o077, 0, f'{path}')
    t.equal((i.state / 'endpoint').read_text(), f'ipc://{i.run}/control.sock\n')
    t.equal(int((i.state / 'lock').read_text()), i.daemon.pid)


def test_who_listens_at_the_usual_place_is_met_whatever_an_older_one_wrote_down(t):
    i = t.instance()
    (i.state / 'endpoint').write_text(f'ipc://{i.home}/gone/control.sock\n')
    t.equal(i.stint('run', 'echo', 'here').stdout, 'here\n')
    t.true(alive(i.daemon.pid), 'no other one was started')


def shown(i, task):
    """All that is told of a task but the time that it is due: that is kept by another clock than it
    is told by."""
    return {key: value for key, value in i.json('show', task)['task'].items() if key != 'due_usec'}


def test_a_restart_keeps_everything(t):
    i = t.instance(ONE_WORKER)
    done = i.submit('-N', 'done', '-l', 'a=b', '--shell', 'echo kept; exit 4')
    i.ended(done)
    late = i.submit('--delay', '1d', '-p', 9, '--retries', 2, '--timeout', '5m', 'true')
    due = i.task(late)['due_usec']
    gone = i.submit('--delay', '1d', 'true')
    i.stint('cancel', gone)
    retry = i.submit('--retries', 5, '--backoff', '1d', 'false')
    t.until(lambda: i.task(retry)['state'] == 'delayed', 'it waits for its retry')
    before = [shown(i, task) for task in (done, late, gone, retry)]
    for _ in range(2):
        i.stop()
        i.start()
        t.equal([shown(i, task) for task in (done, late, gone, retry)], before)
        t.true(abs(i.task(late)['due_usec'] - due) < 1_000_000, 'due when it was')
        t.equal(i.stint('logs', done).stdout, 'kept\n')
        i.stint('wait', done, check=4)


def test_delays_go_on_over_a_restart(t):
    i = t.instance()
    task = i.submit('--delay', '1s', 'true')
    i.stop()
    i.start()
    row = i.ended(task)
    t.true(row['started_usec'] - row['submitted_usec'] >= 1_000_000, 'not before its time')


def test_a_crash_of_everything_loses_nothing_that_was_acknowledged(t):
    i = t.instance(ONE_WORKER)
    runs = i.home / 'runs'
    running = i.submit('--shell', f'echo $$ >>{runs}; test $(wc -l <{runs}) -gt 1 || sleep 1000')
    t.until(lambda: runs.exists() and runs.read_text().endswith('\n'), 'it runs')
    once = i.submit('--at-most-once', 'true')
    waiting = [i.submit('true') for _ in range(5)]
    first = int(runs.read_text())
    i.kill()
    i.start()
    t.true(not alive(first), 'the task of the instance before is dead before anything starts')
    t.equal([i.ended(task)['state'] for task in (running, once, *waiting)], ['succeeded'] * 7)
    t.equal(runs.read_text().count('\n'), 2)


def test_at_most_once_is_never_started_twice(t):
    i = t.instance(ONE_WORKER)
    runs = i.home / 'runs'
    task = i.submit('--at-most-once', '--shell', f'echo run >>{runs}; sleep 1000')
    t.until(lambda: runs.exists(), 'it runs')
    os.kill(i.workers()[0], signal.SIGKILL)
    row = i.ended(task)
    t.equal((row['state'], row['reason'], runs.read_text()), ('failed', 'worker lost', 'run\n'))
    i.stint('run', 'true')


def test_a_lost_worker_is_replaced_and_its_task_runs_again(t):
    i = t.instance(ONE_WORKER)
    runs = i.home / 'runs'
    task = i.submit('--shell', f'echo $$ >>{runs}; test $(wc -l <{runs}) -gt 1 || sleep 1000')
    t.until(lambda: runs.exists() and runs.read_text(), 'it runs')
    worker = i.workers()[0]
    os.kill(worker, signal.SIGKILL)
    t.equal(i.ended(task)['state'], 'succeeded')
    first, second = runs.read_text().split()
    t.true(first != second and not alive(int(first)), 'the first run is dead')
    pool = i.json('status')['status']['pools'][0]
    t.equal((pool['workers'], worker in i.workers()), (1, False))
    t.contains(pool['last_exit'], '9')


def test_a_dispatcher_that_dies_is_only_a_pause(t):
    i = t.instance(ONE_WORKER)
    gate = i.gate()
    process = i.spawn('run', '--shell', f'echo begun; cat {gate.path}; echo done; exit 5')
    gate.entered()
    first = i.dispatcher()
    i.kill_dispatcher()
    task = i.submit('true')
    t.true(i.dispatcher() != first, 'a new one')
    gate.open()
    t.equal(process.communicate(timeout=PATIENCE), (b'begun\ndone\n', b''))
    t.equal(process.returncode, 5)
    t.equal(i.ended(task)['state'], 'succeeded')
    t.equal(i.task(1)['attempt'], 1, 'it was not run again')


def test_the_log_tells_the_story_of_a_task(t):
    i = t.instance(ONE_WORKER)
    task = i.submit('--retries', 1, '--backoff', '1ms', 'sh', '-c', 'exit 3')
    i.ended(task)
    story = [line for line in i.log_text().split('\n') if f' task={task} ' in line]
    parts = [line.split(f'task {task} ')[1].removeprefix('is ') for line in story]
    common = f'task={task} queue=default state='
    t.equal(
        [part for part in parts if part.startswith(('running', 'failed'))],
        [
            f'running {common}running attempt=1 worker=1',
            f'running {common}running attempt=2 worker=1',
            f'failed: exit code 3 {common}failed attempt=2 worker=1',
        ],
    )
    t.true(any(': exit code 3' in part and 'attempt=1' in part for part in parts), 'the first end')


def test_the_instance_is_found_from_its_state(t):
    i = t.instance()
    i.env['STINT_RUN_DIR'] = str(i.home / 'elsewhere')
    i.stint('ping')


def test_output_files_go_with_their_task(t):
    i = t.instance('store: { retention = { tasks = 2; }; };\n' + ONE_WORKER)
    tasks = [i.submit('--shell', 'head -c 100000 /dev/zero') for _ in range(6)]
    for task in tasks[-2:]:
        i.ended(task)
    t.until(lambda: len(i.json('list')['tasks']) == 2, 'the oldest are forgotten')
    t.equal([row['id'] for row in i.json('list')['tasks']], [6, 5])
    i.stint('show', 1, check=65)
    t.until(
        lambda: len([f for f in pathlib.Path(i.state / 'output').rglob('*.out')]) == 2,
        'so are their files',
    )
    t.true(i.submit('true') == 7, 'and no id is given again')
