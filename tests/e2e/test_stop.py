"""What ends a task before its time: time-outs, cancels, the stop of the service. Whole trees end,
and nothing else does."""
import pathlib
import signal

from harness import ONE_WORKER, PATIENCE, alive, children

SHORT_STOP = 'daemon: { stop_timeout = "200ms"; };\n' + ONE_WORKER

# A tree whose last leaf has called setsid twice; every one of it writes its pid, and ignores TERM
# if IGNORE is set.
TREE = '''test -z "$IGNORE" || trap "" TERM
echo $$ >>PIDS
setsid sh -c "echo \\$\\$ >>PIDS; setsid sh -c 'echo \\$\\$ >>PIDS; sleep 1000' & wait" &
(exec sleep 1001) &
echo $! >>PIDS
while :; do sleep 0.1; done
'''


def tree(t, i, *options):
    """Submits TREE; returns its id and the pids once all of them run."""
    pids = i.home / f'pids{next(t.numbers)}'
    task = i.submit(*options, 'sh', '-c', TREE.replace('PIDS', str(pids)))
    t.until(lambda: pids.exists() and pids.read_text().count('\n') == 4, 'the tree runs')
    return task, [int(word) for word in pids.read_text().split()]


def dead(t, pids):
    t.equal([pid for pid in pids if alive(pid)], [], 'living processes of the task')


def seconds(row):
    return (row['ended_usec'] - row['started_usec']) / 1e6


def test_a_timeout_ends_the_whole_tree(t):
    i = t.instance()
    task, pids = tree(t, i, '--timeout', '1s')
    row = i.ended(task)
    t.equal((row['state'], row['reason']), ('failed', 'timeout'))
    t.true(seconds(row) >= 1, f'it had {seconds(row)} s')
    dead(t, pids)
    i.stint('wait', task, check=124)


def test_who_ignores_term_is_killed_after_its_grace(t):
    i = t.instance()
    task, pids = tree(t, i, '--timeout', '1s', '--grace', '1s', '--env', 'IGNORE=1')
    row = i.ended(task)
    t.equal((row['state'], row['reason']), ('failed', 'timeout'))
    t.true(seconds(row) >= 2, f'it had {seconds(row)} s')
    dead(t, pids)


def test_who_heeds_term_may_clean_up(t):
    i = t.instance()
    script = 'trap "echo cleaning; exit 3" TERM; echo ready; while :; do sleep 0.05; done'
    task = i.submit('--timeout', '500ms', '--shell', script)
    t.equal(i.output(task), b'ready\ncleaning\n')
    t.equal(i.task(task)['reason'], 'timeout')
    t.equal(i.stint('run', '--timeout', '60s', 'true').stderr, '', 'a time-out that is not reached')


def test_a_timeout_is_a_failure_that_can_be_retried(t):
    i = t.instance()
    task = i.submit(
        '--timeout',
        '200ms',
        '--retries',
        1,
        '--backoff',
        '1ms',
        '--shell',
        'test $STINT_ATTEMPT = 2 || sleep 1000',
    )
    row = i.ended(task)
    t.equal((row['state'], row['attempt']), ('succeeded', 2))


def test_a_running_task_is_cancelled(t):
    i = t.instance()
    task, pids = tree(t, i)
    other, others = tree(t, i)
    i.stint('cancel', task)
    row = i.ended(task)
    t.equal((row['state'], row['reason']), ('cancelled', 'cancelled'))
    dead(t, pids)
    t.true(all(map(alive, others)), 'the other task goes on')
    i.stint('wait', task, check=143)
    i.stint('cancel', other)
    i.ended(other)
    dead(t, others)


def test_cancel_with_another_signal_and_with_grace(t):
    i = t.instance()
    for name, expected in (
        ('INT', b'ready\ngot INT\n'),
        ('SIGUSR1', b'ready\ngot USR1\n'),
        ('10', b'ready\ngot USR1\n'),
    ):
        script = (
            'trap "echo got INT; exit" INT; trap "echo got USR1; exit" USR1; echo ready; while :;'
            ' do sleep 0.05; done'
        )
        task = i.submit('--shell', script)
        t.until(lambda: i.stint('logs', task, check=False).stdout == 'ready\n', 'it is ready')
        i.stint('cancel', '--signal', name, task)
        t.equal(i.output(task), expected)
        t.equal(i.task(task)['state'], 'cancelled')
    task, pids = tree(t, i, '--grace', '300ms', '--env', 'IGNORE=1')
    i.stint('cancel', task)
    t.equal(i.ended(task)['state'], 'cancelled')
    dead(t, pids)
    t.contains(i.stint('cancel', '--signal', 'NOSUCH', task, check=64).stderr, 'NOSUCH')


def test_waiting_tasks_are_gone_at_once(t):
    i = t.instance(ONE_WORKER)
    gate = i.gate()
    first = i.submit(*gate.command)
    gate.entered()
    ready, delayed, kept = (
        i.submit('--at-most-once', 'touch', i.home / 'ran'),
        i.submit('--delay', '1d', 'true'),
        i.submit('--at-most-once', 'true'),
    )
    i.stint('cancel', ready, delayed)
    t.equal(
        [i.task(n)['state'] for n in (ready, delayed, kept)], ['cancelled', 'cancelled', 'ready']
    )
    t.equal(
        i.json('cancel', ready, kept)['cancel'],
        {'cancelled': 1, 'ended': 1, 'unknown': 0, 'denied': 0},
    )
    t.equal(i.task(kept)['state'], 'cancelled')
    gate.open()
    t.equal(i.ended(first)['state'], 'succeeded')
    t.true(not (i.home / 'ran').exists(), 'a cancelled task never runs')


def test_cancel_by_selectors(t):
    i = t.instance(ONE_WORKER)
    gate = i.gate()
    i.submit(*gate.command)
    gate.entered()
    for n in range(8):
        i.submit('--at-most-once', '-l', f'parity={n % 2}', '-N', f'n{n}', 'true')
    i.stint('cancel', 'label:parity=1')  # 3, 5, 7, 9
    i.stint('cancel', '2-3,4')
    i.stint('cancel', 'name:n4')  # 6
    states = {row['id']: row['state'] for row in i.json('list')['tasks']}
    t.equal(sorted(n for n, state in states.items() if state == 'cancelled'), [2, 3, 4, 5, 6, 7, 9])
    i.stint('cancel', check=64)
    i.stint('cancel', 77, check=65)
    i.stint('cancel', 'all')
    t.until(
        lambda: all(row['state'] == 'cancelled' for row in i.json('list')['tasks']),
        'all are cancelled',
    )


def test_cancel_between_retries(t):
    i = t.instance()
    task = i.submit('--retries', 5, '--backoff', '1d', 'false')
    t.until(lambda: i.task(task)['state'] == 'delayed', 'it waits for its retry')
    i.stint('cancel', task)
    t.equal(i.task(task)['state'], 'cancelled')


def test_a_stop_interrupts_and_the_next_start_runs_again(t):
    i = t.instance(SHORT_STOP)
    runs = i.home / 'runs'
    script = (
        f'echo run $STINT_ATTEMPT >>{runs}; test $(wc -l <{runs}) -gt 1 || while :; do sleep 0.1;'
        ' done'
    )
    task = i.submit('--retries', 0, '--shell', script)
    waiting = i.submit('true')
    t.until(lambda: runs.exists() and runs.read_text(), 'it runs')
    workers = i.workers()
    i.stop()
    dead(t, workers)
    i.start()
    row = i.ended(task)
    t.equal((row['state'], row['attempt']), ('succeeded', 2), 'no retry is counted')
    t.equal(i.ended(waiting)['state'], 'succeeded')
    t.equal(runs.read_text(), 'run 1\nrun 2\n')


def test_at_most_once_is_not_started_again_after_a_stop(t):
    i = t.instance(SHORT_STOP)
    runs = i.home / 'runs'
    task = i.submit('--at-most-once', '--shell', f'echo run >>{runs}; while :; do sleep 0.1; done')
    t.until(lambda: runs.exists(), 'it runs')
    i.stop()
    i.start()
    row = i.ended(task)
    t.equal((row['state'], row['reason'], runs.read_text()), ('failed', 'interrupted', 'run\n'))


def test_a_stop_waits_for_running_tasks(t):
    i = t.instance('daemon: { stop_timeout = "60s"; };\n' + ONE_WORKER)
    gate = i.gate()
    task = i.submit('--shell', f'cat {gate.path}; echo whole')
    after = i.submit('--at-most-once', 'touch', i.home / 'started')
    gate.entered()
    i.daemon.send_signal(signal.SIGTERM)
    t.until(lambda: 'stopping' in i.log_text(), 'the stop has begun')
    for _ in range(2):
        i.stint(
            'ping'
        )  # an answer shows that the dispatcher has read what came before: that it is to stop
    gate.open()
    t.equal(i.daemon.wait(PATIENCE), 0)
    t.true(not (i.home / 'started').exists(), 'nothing starts while it stops')
    i.start()
    t.equal(i.output(task), b'whole\n')
    t.equal(i.ended(after)['state'], 'succeeded')


def test_a_stop_kills_what_ignores_term(t):
    i = t.instance(SHORT_STOP)
    _, pids = tree(t, i, '--grace', '300ms', '--env', 'IGNORE=1')
    supervisor, family = i.daemon.pid, children(i.daemon.pid)
    i.stop()
    dead(t, pids + family + [supervisor])
    t.true(not pathlib.Path(f'/proc/{supervisor}').exists(), 'the supervisor is gone')
