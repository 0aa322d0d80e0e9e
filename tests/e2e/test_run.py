"""`stint run`: the exit code of the task, its streams as they come, signals, and starting one's own
instance."""
import json
import os
import pathlib
import signal
import subprocess

from harness import ONE_WORKER, PATIENCE, alive


def lines_of(process, count):
    return [process.stdout.readline() for _ in range(count)]


def test_the_exit_code_is_the_tasks_own(t):
    i = t.instance()
    for code in 0, 1, 42, 124, 125, 126, 127, 128, 255:
        done = i.stint('run', 'sh', '-c', f'exit {code}', check=code)
        t.equal((done.stdout, done.stderr), ('', ''), f'exit code {code}')


def test_the_exit_code_of_what_never_ran_or_was_killed(t):
    i = t.instance()
    plain = i.home / 'plain'
    plain.write_text('no program')
    t.contains(i.stint('run', 'no-such-command-at-all', check=127).stderr, 'No such file')
    t.contains(i.stint('run', plain, check=126).stderr, 'Permission denied')
    t.contains(i.stint('run', '/', check=126).stderr, 'Permission denied')
    for name in 'KILL', 'TERM', 'SEGV', 'USR1':
        done = i.stint(
            'run',
            'sh',
            '-c',
            f'ulimit -c 0; kill -{name} $$',
            check=128 + signal.Signals[f'SIG{name}'],
        )
        t.contains(done.stderr, name)
    done = i.stint('run', '--timeout', '100ms', 'sleep', '1000', check=124)
    t.contains(done.stderr, 'timeout')
    done = i.stint('run', '--no-such-option', 'true', check=125)
    t.contains(done.stderr, 'unknown option')
    i.stint('run', check=125)
    i.stint('run', '-q', 'nowhere', 'true', check=125)
    i.stop()
    i.stint('run', 'true', check=125)


def test_both_streams_keep_to_their_descriptors(t):
    i = t.instance()
    done = i.stint('run', 'sh', '-c', 'echo out; echo err >&2; printf "\\377\\000x"', text=False)
    t.equal((done.stdout, done.stderr), (b'out\n\xff\0x', b'err\n'))
    done = i.stint('run', '--stdin', '-', 'tr', 'a-z', 'A-Z', input='Hello\n')
    t.equal(done.stdout, 'HELLO\n')


def test_output_is_shown_as_it_comes(t):
    i = t.instance()
    gate = i.gate()
    process = i.spawn('run', '--shell', f'echo first; echo problem >&2; cat {gate.path}; echo last')
    gate.entered()
    t.equal(process.stdout.readline(), b'first\n')
    t.equal(process.stderr.readline(), b'problem\n')
    t.equal(process.poll(), None)
    gate.open()
    t.equal(process.communicate(timeout=PATIENCE), (b'last\n', b''))
    t.equal(process.returncode, 0)


def test_every_attempt_is_shown(t):
    i = t.instance()
    done = i.stint(
        'run',
        '--retries',
        3,
        '--backoff',
        '50ms',
        '--shell',
        'echo try $STINT_ATTEMPT; test $STINT_ATTEMPT = 3',
    )
    t.equal(done.stdout, 'try 1\ntry 2\ntry 3\n')
    i.stint('run', '--retries', 1, '--backoff', '1ms', 'sh', '-c', 'exit 9', check=9)


def interrupted(t, i, script):
    """A `stint run` in a process group of its own whose task is under way; its tree's pids."""
    process = i.spawn('run', '--grace', '60s', '--shell', script, start_new_session=True)
    pids = [int(word) for word in lines_of(process, 1)[0].split()]
    t.true(all(map(alive, pids)), 'the tree of the task lives')
    return process, pids


def test_an_interrupt_cancels_the_task_and_its_tree(t):
    i = t.instance()
    process, pids = interrupted(
        t, i, 'setsid sh -c "setsid sleep 1000 & echo \\$! \\$\\$ $$; wait" & wait'
    )
    t.equal(len(pids), 3)
    process.send_signal(signal.SIGINT)
    t.equal(process.wait(PATIENCE), 130)
    t.equal([pid for pid in pids if alive(pid)], [], 'processes of the task')
    t.equal(i.task(1)['state'], 'cancelled')
    process, pids = interrupted(t, i, 'echo $$; sleep 1000')
    process.send_signal(signal.SIGTERM)
    t.equal(process.wait(PATIENCE), 143)


def test_a_second_interrupt_leaves_at_once(t):
    i = t.instance('daemon: { stop_timeout = "0s"; };\n')
    process, pids = interrupted(
        t, i, 'trap "echo asked" TERM; echo $$; while :; do sleep 0.1; done'
    )
    process.send_signal(signal.SIGINT)
    t.equal(process.stdout.readline(), b'asked\n')
    t.equal(process.poll(), None, 'it waits for the end of the task')
    process.send_signal(signal.SIGINT)
    t.equal(process.wait(PATIENCE), 130)
    t.true(alive(pids[0]), 'the task still has its grace')
    os.kill(pids[0], signal.SIGKILL)
    t.equal(i.ended(1)['state'], 'cancelled')


def test_a_hang_up_detaches(t):
    i = t.instance()
    gate = i.gate()
    process = i.spawn('run', '--shell', f'cat {gate.path}; echo done')
    gate.entered()
    process.send_signal(signal.SIGHUP)
    _, told = process.communicate(timeout=PATIENCE)
    t.equal(process.returncode, 129)
    t.contains(told, b'goes on')
    t.equal(i.task(1)['state'], 'running')
    gate.open()
    t.equal(i.output(1), b'done\n')


def test_a_waiting_task_is_cancelled_by_an_interrupt(t):
    i = t.instance(ONE_WORKER)
    gate = i.gate()
    i.submit(*gate.command)
    gate.entered()
    process = i.spawn('run', 'touch', i.home / 'ran')
    t.until(lambda: len(i.json('list')['tasks']) == 2, 'the second task is queued')
    process.send_signal(signal.SIGINT)
    t.equal(process.wait(PATIENCE), 130)
    t.equal(i.task(2)['state'], 'cancelled')
    gate.open()
    t.true(not (i.home / 'ran').exists(), 'it never ran')


def test_who_reads_the_output_may_leave(t):
    i = t.instance()
    process = i.spawn('run', '--shell', 'yes')
    process.stdout.read(100000)
    process.stdout.close()
    t.equal(process.wait(PATIENCE), 128 + signal.SIGPIPE)
    t.equal(i.ended(1)['state'], 'cancelled', 'nobody reads it any more')


def lock_holder(i):
    """Pid of the stintd that a client started, from what it wrote into STATE/lock."""
    return int((i.state / 'lock').read_text().split()[0])


def test_the_first_submit_starts_ones_own_instance(t):
    i = t.instance(start=False)
    env = {**i.env, 'XDG_RUNTIME_DIR': str(i.home)}
    for name in 'STINT_AUTOSTART', 'STINT_STATE_DIR', 'STINT_RUN_DIR':
        del env[name]
    i.env, i.state, i.run = env, i.home / '.local/state/stint', i.home / 'stint'
    t.contains(i.stint('status', check=69).stderr, 'no dispatcher is running')
    done = i.stint('submit', 'true')
    pid = lock_holder(i)
    t.clean_up(lambda: end(t, pid))
    t.equal((done.stdout, done.stderr.count('\n'), done.stderr[:7]), ('1\n', 1, 'stint: '))
    t.contains(done.stderr, 'start')
    t.equal(i.stint('submit', 'true').stderr, '', 'said once')
    env['XDG_RUNTIME_DIR'] = str(i.home / 'elsewhere')
    t.equal(i.submit('true'), 3, 'found from another login')
    t.equal((i.state / 'endpoint').read_text(), f'ipc://{i.home}/stint/control.sock\n')
    i.stint('run', 'true')
    end(t, pid)
    env['STINT_AUTOSTART'] = '0'
    i.stint('submit', 'true', check=69)


def end(t, pid):
    if alive(pid):
        os.kill(pid, signal.SIGTERM)
        t.until(lambda: not alive(pid), 'the instance that a client started ends')


def test_many_first_clients_start_one_instance(t):
    i = t.instance(start=False)
    del i.env['STINT_AUTOSTART']
    clients = [i.spawn('run', 'sh', '-c', 'echo $STINT_TASK') for _ in range(6)]
    outputs = [client.communicate(timeout=PATIENCE) for client in clients]
    pid = lock_holder(i)
    t.clean_up(lambda: end(t, pid))
    t.equal([client.returncode for client in clients], [0] * 6, f'{outputs}')
    t.equal(sorted(int(out) for out, _ in outputs), list(range(1, 7)), 'all met the same instance')
    end(t, pid)


def test_a_daemon_that_cannot_start_is_explained(t):
    i = t.instance(start=False)
    del i.env['STINT_AUTOSTART']
    config = pathlib.Path(i.env['XDG_CONFIG_HOME']) / 'stint' / 'stintd.conf'
    config.parent.mkdir(parents=True)
    config.write_text('daemon: { log_level = "loud"; };\n')
    done = i.stint('submit', 'true', check=69)
    t.contains(done.stderr, 'stintd.conf:1')


def test_json_of_an_endpoint(t):
    i = t.instance()
    told = json.loads(
        subprocess.run(
            [i.command()[0], '--endpoint', f'ipc://{i.run}/control.sock', 'ping', '--json'],
            env=i.env,
            capture_output=True,
            check=True,
        ).stdout
    )
    t.equal((told['schema'], told['ping']['endpoint']), (1, f'ipc://{i.run}/control.sock'))
    variable = subprocess.run(
        [i.command()[0], 'run', 'echo', 'found'],
        env={**i.env, 'STINT_ENDPOINT': f'ipc://{i.run}/control.sock'},
        capture_output=True,
        check=True,
    )
    t.equal(variable.stdout, b'found\n')


def test_an_own_instance_that_ends_before_it_answers_is_told(t):
    i = t.instance(start=False)
    del i.env['STINT_AUTOSTART']
    i.state.mkdir(mode=0o700)
    (i.state / 'stint.db').write_bytes(b'this is no database\n' * 500)
    done = i.stint('submit', 'true', check=69)
    t.contains(done.stderr, 'cannot start your own instance')
