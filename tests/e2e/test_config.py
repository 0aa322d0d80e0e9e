"""The configuration: what is refused and how it is told; reloads under load that lose nothing."""
import pathlib
import signal
import subprocess

from harness import BUILD, ONE_WORKER, PATIENCE, alive

TWO_POOLS = '''queues: ({ name = "default"; }, { name = "b"; });
pools: ({ name = "default"; queues = ["default"]; workers = %d; },
        { name = "bee"; queues = ["b"]; workers = %d; });
'''


def stintd(i, *arguments, env=None):
    return subprocess.run(
        [str(BUILD / 'supervisor' / 'stintd'), '--user', *map(str, arguments)],
        env={**i.env, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )


def check(t, i, config, *findings):
    """--check-config and a start both refuse config, and name each finding."""
    i.config.write_text(config)
    done = stintd(i, '--config', i.config, '--check-config')
    t.equal((done.returncode, done.stdout), (78, ''), config)
    for line, *words in findings:
        match = [
            text for text in done.stderr.splitlines() if text.startswith(f'{i.config}:{line}: ')
        ]
        t.true(
            any(all(word in text for word in words) for text in match),
            f'line {line} with {words} is not in {done.stderr!r}',
        )
    t.equal(len(done.stderr.splitlines()), len(findings), done.stderr)
    return done


def test_every_finding_is_told_with_its_place(t):
    i = t.instance(start=False)
    check(
        t,
        i,
        (
            'daemon: {\n  log_levle = "info";\n  stop_timeout = "soon";\n};\nqueus: ();\npools: ({'
            ' name = "p"; queues = ["x"]; workers = 0; },\n        { name = "p"; queues ='
            ' ["default"]; handler = "shell"; });\n'
        ),
        (2, 'log_levle', 'log_level'),
        (3, 'stop_timeout', 'soon'),
        (5, 'queus', 'queues'),
        (6, 'workers'),
        (6, '"x"'),
        (6, '"default"'),
        (7, 'taken'),
        (7, 'handler', 'command'),
    )


def test_values_are_checked(t):
    i = t.instance(start=False)
    for line, word in (
        ('queues: ({ name = "a b"; });', 'a b'),
        ('queues: ({ name = "default"; max_waiting = 0; });', 'max_waiting'),
        ('queues: ({ name = "default"; max_waiting = "5"; });', 'max_waiting'),
        ('queues: ({ max_waiting = 5; });', 'name'),
        ('store: { url = "mysql:/x"; };', 'mysql'),
        ('store: { retention = { age = "0s"; }; };', 'age'),
        ('control: { socket = "relative.sock"; };', 'relative.sock'),
        ('control: { socket = "/%s"; };' % ('x' * 120), '107'),
        ('daemon: { stop_timeout = 30; };', 'stop_timeout'),
        ('limits: ();', 'limits'),
        ('daemon: 5;', 'daemon'),
        ('pools: ({ name = "p"; queues = ["default"]; workers = 3000000000; });', 'workers'),
        (
            (
                'queues: ({ name = "default"; }, { name = "lonely"; });\npools: ({ name = "p";'
                ' queues = ["default"]; });'
            ),
            'lonely',
        ),
    ):
        i.config.write_text(line + '\n')
        done = stintd(i, '--config', i.config, '--check-config')
        t.equal(done.returncode, 78, line)
        t.contains(done.stderr, word)
        t.contains(done.stderr, f'{i.config}:1: ')


def test_a_syntax_error_is_told_with_its_line(t):
    i = t.instance(start=False)
    check(t, i, 'daemon: {\n  log_level = "info"\n};\nqueues: (,);\n', (4,))
    done = stintd(i, '--config', i.home / 'missing', '--check-config')
    t.equal(done.returncode, 78)
    t.contains(done.stderr, 'missing')


def test_a_good_one_is_told_to_be_fine(t):
    i = t.instance(start=False)
    i.config.write_text(TWO_POOLS % (1, 2))
    done = stintd(i, '--config', i.config, '--check-config')
    t.equal((done.returncode, done.stderr), (0, ''))
    t.contains(done.stdout, 'queues: 2, pools: 2, ')
    t.equal(stintd(i, '--check-config').returncode, 0, 'no file at all is a working set-up')
    shipped = pathlib.Path(__file__).parents[2] / 'config' / 'stintd.conf'
    t.equal(stintd(i, '--config', shipped, '--check-config').returncode, 0, 'the shipped file')


def test_a_start_with_a_bad_one_is_refused(t):
    i = t.instance(start=False)
    i.config.write_text('\ndaemon: { log_level = "loud"; };\n')
    done = stintd(i, '--config', i.config, '--foreground')
    t.equal(done.returncode, 78)
    t.contains(done.stderr, f'{i.config}:2: ')
    t.contains(done.stderr, 'loud')


def test_conf_d_adds_up(t):
    i = t.instance(start=False)
    directory = pathlib.Path(i.env['XDG_CONFIG_HOME']) / 'stint'
    (directory / 'conf.d').mkdir(parents=True)
    (directory / 'stintd.conf').write_text(
        'daemon: { stop_timeout = "1s"; };\nqueues: ({ name = "default"; });\n'
    )
    (directory / 'conf.d' / 'b.conf').write_text(
        'queues: ({ name = "extra"; });\npools: ({ name = "all"; queues = ["default", "extra"];'
        ' });\n'
    )
    (directory / 'conf.d' / 'ignored.txt').write_text('nonsense')
    i.start()
    t.equal([queue['name'] for queue in i.json('status')['status']['queues']], ['default', 'extra'])
    i.stint('run', '-q', 'extra', 'true')
    (directory / 'conf.d' / 'c.conf').write_text('\nqueues: ({ name = "extra"; });\n')
    done = stintd(i, '--check-config')
    t.equal(done.returncode, 78)
    t.contains(done.stderr, f'{directory}/conf.d/c.conf:2: ')
    t.contains(done.stderr, 'b.conf:1')


def test_a_bad_reload_changes_nothing_and_is_told(t):
    i = t.instance(ONE_WORKER)
    workers = t.until(i.workers, 'a worker lives')
    i.reload('queues: (\n{ nam = "default"; });\n')
    t.until(
        lambda: f'{i.config}:2: ' in i.log_text() and 'nam' in i.log_text(), 'the finding is logged'
    )
    i.stint('run', 'true')
    t.equal(i.workers(), workers)
    t.equal(len(i.json('status')['status']['pools']), 1)
    i.reload('this is no configuration')
    t.until(lambda: f'{i.config}:1: ' in i.log_text(), 'the finding is logged')
    i.config.unlink()
    i.daemon.send_signal(signal.SIGHUP)
    t.until(lambda: i.log_text().count(str(i.config)) >= 3, 'the missing file is told')
    i.stint('run', 'true')
    t.equal(i.workers(), workers)


def pools(i):
    return {pool['name']: pool['workers'] for pool in i.json('status')['status']['pools']}


def test_pools_grow_and_shrink_and_a_busy_worker_drains_first(t):
    i = t.instance(ONE_WORKER)
    gates = [i.gate() for _ in range(3)]
    tasks = [i.submit(*gate.command) for gate in gates]
    gates[0].entered()
    first = i.workers()
    t.equal(len(first), 1)
    i.reload(ONE_WORKER.replace('workers = 1', 'workers = 3'))
    for gate in gates[1:]:
        gate.entered()
    t.equal((pools(i), len(i.workers())), ({'default': 3}, 3))
    i.reload(ONE_WORKER)
    t.until(lambda: i.json('status')['status']['pools'][0]['wanted'] == 1, 'one is wanted')
    t.true(
        all(map(alive, i.workers() + first)) and len(i.workers()) == 3, 'nobody who is busy ends'
    )
    for gate in gates:
        gate.open()
    t.equal([i.ended(task)['state'] for task in tasks], ['succeeded'] * 3)
    t.until(lambda: len(i.workers()) == 1, 'two workers have ended')
    t.equal([i.task(task)['attempt'] for task in tasks], [1, 1, 1])
    i.stint('run', 'true')


def test_pools_and_queues_come_and_go(t):
    i = t.instance(TWO_POOLS % (1, 1))
    gate = i.gate()
    running = i.submit('-q', 'b', *gate.command)
    waiting = i.submit('-q', 'b', '--at-most-once', 'true')
    gate.entered()
    i.reload(ONE_WORKER)  # without queue b and its pool
    t.until(
        lambda: i.stint('submit', '-q', 'b', 'true', check=False).returncode == 65,
        'the queue is gone',
    )
    gate.open()
    t.equal(i.ended(running)['state'], 'succeeded', 'the worker drains')
    t.equal(i.task(waiting)['state'], 'ready', 'what waits is kept')
    i.stint('run', 'true')
    i.reload(TWO_POOLS % (1, 2))
    t.equal(i.ended(waiting)['state'], 'succeeded', 'it runs when its queue is back')
    t.until(lambda: pools(i) == {'default': 1, 'bee': 2}, 'the pool is back')


def test_reloads_under_load_lose_no_task(t):
    i = t.instance(TWO_POOLS % (1, 1))
    log = i.home / 'log of runs'
    ids = []
    for round_number in range(12):
        for _ in range(8):
            ids.append(
                i.submit(
                    '-q',
                    'b' if len(ids) % 2 else 'default',
                    '--shell',
                    f'echo $STINT_TASK >>"{log}"',
                )
            )
        i.reload(TWO_POOLS % (1 + round_number % 3, 1 + (round_number + 1) % 3))
    for task in ids:
        t.equal(i.ended(task)['state'], 'succeeded')
    t.equal(sorted(map(int, log.read_text().split())), ids, 'each ran once')
    t.until(lambda: pools(i) == {'default': 3, 'bee': 1}, 'the last configuration is in force')
    t.until(lambda: len(i.workers()) == 4, 'and no worker more')


def test_what_needs_a_restart_is_refused_and_the_log_level_is_not(t):
    i = t.instance(ONE_WORKER)
    i.reload(ONE_WORKER + f'control: {{ socket = "{i.home}/other.sock"; }};\n')
    t.until(lambda: 'only with a restart' in i.log_text(), 'it is told')
    t.true(not (i.home / 'other.sock').exists(), 'nothing has changed')
    i.reload(
        ONE_WORKER.replace('workers = 1', 'workers = 3') + 'daemon: { log_level = "error"; };\n'
    )
    t.until(lambda: pools(i) == {'default': 3}, 'three workers')
    t.true('is in force' not in i.log_text(), 'no notices any more')


def test_a_socket_of_ones_own_choice(t):
    i = t.instance(start=False)
    i.config.write_text(
        f'control: {{ socket = "{i.home}/mine.sock"; }};\nstore: {{ url = "memory:"; }};\n'
    )
    i.start()
    t.equal((i.state / 'endpoint').read_text(), f'ipc://{i.home}/mine.sock\n')
    t.equal(
        i.stint('run', 'sh', '-c', 'echo $STINT_ENDPOINT').stdout, f'ipc://{i.home}/mine.sock\n'
    )
    t.equal(i.json('status')['status']['store'], 'memory:')
    i.stop()
    i.start()
    t.equal(i.json('list')['tasks'], [], 'memory: forgets')
    t.true(i.submit('true') > 1, 'but no id is given twice')
