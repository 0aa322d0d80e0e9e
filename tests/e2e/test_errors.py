"""What goes wrong and how it is told: one line on stderr that names the thing, the reason and the
way out, and the exit code."""
import grp
import os
import pathlib
import socket
import sqlite3
import subprocess

import rawpeer
from harness import BUILD, PATIENCE, Skip

NOBODY = 65534
PING, PONG = bytes([0x94, 1, 10, 1, 0]), 74  # [protocol 1, type 10, request 1, flags 0]


def one_line(t, done, code, *parts):
    t.equal(done.returncode, code, f'{done.args}: {done.stderr}')
    t.true(
        done.stderr.startswith(('stint: ', 'stintd: ')) and done.stderr.count('\n') == 1,
        f'one line: {done.stderr!r}',
    )
    for part in parts:
        t.contains(done.stderr, str(part))


def stintd(i, *arguments, **options):
    return subprocess.run(
        [str(BUILD / 'supervisor' / 'stintd'), *map(str, arguments)],
        env={**i.env, **options.pop('env', {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
        **options,
    )


def test_the_nearest_word_is_suggested(t):
    i = t.instance(start=False)
    for words, suggestion in (
        (['sumbit'], 'submit'),
        (['ls'], 'list'),
        (['ps'], 'list'),
        (['rm'], 'cancel'),
        (['kill'], 'cancel'),
        (['statsu'], 'status'),
        (['submit', '--quue', 'x', 'true'], '--queue'),
        (['list', '--stat', 'x'], '--state'),
        (['--jsn', 'list'], '--json'),
        (['help', 'sbumit'], 'submit'),
        (['list', 'runing'], 'running'),
    ):
        one_line(t, i.stint(*words, check=64), 64, suggestion)
    one_line(t, i.stint('xyzzy', check=64), 64, 'xyzzy', '--help')
    for words in (
        ['list', '-X'],
        ['submit', '--name'],
        ['list', '--json=1'],
        ['ping', 'extra'],
        ['status', 'extra'],
        ['version', 'extra'],
        ['help', 'list', 'extra'],
    ):
        one_line(t, i.stint(*words, check=64), 64)
    for words, part in (
        ([''], "unknown command ''"),
        (['submit', '--name', '', 'true'], "--name '' is empty"),
        (['submit', '--at-most-once', '--retries', '1', 'true'], 'leave out one of them'),
    ):
        one_line(t, i.stint(*words, check=64), 64, part)
    one_line(t, stintd(i, '--foregroud'), 64, '--foreground')
    one_line(t, stintd(i, 'operand'), 64, 'operand')
    t.contains(stintd(i, '--help').stdout, '--check-config')
    t.contains(stintd(i, '--version').stdout, 'stintd ')


def test_nobody_to_talk_to(t):
    i = t.instance(start=False)
    for words in (
        ['status'],
        ['list'],
        ['ping'],
        ['wait', '1'],
        ['cancel', '1'],
        ['submit', 'true'],
        ['logs', '1'],
        ['show', '1'],
    ):
        one_line(t, i.stint(*words, check=69), 69, 'no dispatcher is running', i.run)
    i.run.mkdir()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(i.run / 'control.sock'))
    one_line(t, i.stint('ping', check=69), 69, 'nobody listens', i.run)
    stale.listen(1)
    stale.close()
    one_line(t, i.stint('ping', check=69), 69, 'nobody listens')
    for endpoint in 'tcp://127.0.0.1:1', '/path', 'ipc://relative', 'ipc:///' + 'x' * 120:
        one_line(t, i.stint('--endpoint', endpoint, 'ping', check=64), 64, endpoint[:20])
    one_line(
        t, i.stint('--endpoint', 'ipc:///nowhere/x.sock', 'ping', check=69), 69, '/nowhere/x.sock'
    )
    i.start()
    i.stint('ping')


def test_a_dispatcher_that_says_nothing_or_nonsense_is_no_dispatcher(t):
    i = t.instance(start=False)
    i.run.mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(i.run / 'control.sock'))
    server.listen(0)
    t.clean_up(server.close)
    while True:  # a full backlog: nobody accepts
        filler = socket.socket(socket.AF_UNIX)
        filler.setblocking(False)
        t.clean_up(filler.close)
        if filler.connect_ex(str(i.run / 'control.sock')):
            break
    one_line(t, i.stint('ping', check=69), 69, 'does not accept')


def as_nobody(i, *arguments, groups=()):
    return subprocess.run(
        [i.command()[0], *map(str, arguments)],
        env={**i.env, 'HOME': '/'},
        stdin=subprocess.DEVNULL,
        cwd='/',
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
        user=NOBODY,
        group=NOBODY,
        extra_groups=list(groups),
    )


def need_other_users(i):
    if os.geteuid() != 0:
        raise Skip('needs root, to be another user')
    if (
        subprocess.run(
            [i.command()[0], '--version'], env=i.env, user=NOBODY, check=False, capture_output=True
        ).returncode
        != 0
    ):
        raise Skip('the build directory is closed to other users')


def let_in(i):
    """Opens everything up to the control socket, so that only the dispatcher itself can refuse."""
    i.home.chmod(0o711)
    i.run.chmod(0o711)
    (i.run / 'control.sock').chmod(0o666)
    return f'ipc://{i.run}/control.sock'


def test_another_user_is_refused(t):
    i = t.instance()
    need_other_users(i)
    endpoint = f'ipc://{i.run}/control.sock'
    one_line(t, as_nobody(i, '--endpoint', endpoint, 'ping'), 77, 'permission', endpoint[6:])
    let_in(i)
    task = i.submit('echo', 'secret')
    i.ended(task)
    for words in (
        ['submit', 'true'],
        ['list'],
        ['show', task],
        ['result', task],
        ['logs', task],
        ['cancel', task],
        ['run', 'true'],
        ['status'],
    ):
        done = as_nobody(i, '--endpoint', endpoint, *words)
        one_line(t, done, 125 if words[0] == 'run' else 77)
        t.true('secret' not in done.stdout, f'{words} tells {done.stdout!r}')
    t.equal(len(i.json('list')['tasks']), 1, 'nothing was queued')


def test_users_of_the_systems_instance_have_their_own_tasks(t):
    i = t.instance('', start=False)
    need_other_users(i)
    i.kind = []
    i.start()
    endpoint = let_in(i)
    t.equal(i.json('status')['status']['instance'], 'system')
    ours = i.submit('--delay', '1d', 'true')
    done = as_nobody(i, '--endpoint', endpoint, 'submit', '--delay', '1d', 'true')
    t.equal((done.returncode, done.stdout), (0, f'{ours + 1}\n'), done.stderr)
    t.equal(i.task(ours + 1)['uid'], NOBODY)
    one_line(t, as_nobody(i, '--endpoint', endpoint, 'cancel', ours), 77)
    t.equal(i.task(ours)['state'], 'delayed')
    for words in ['show', ours], ['logs', ours], ['result', ours]:
        t.true(as_nobody(i, '--endpoint', endpoint, *words).returncode in (65, 75, 77), f'{words}')
    mine = as_nobody(i, '--endpoint', endpoint, 'run', 'sh', '-c', 'echo "$HOME:$PATH"')
    t.equal((mine.returncode, mine.stdout[:1]), (0, ':'), 'a clean environment')
    t.equal(
        as_nobody(i, '--endpoint', endpoint, 'cancel', 'last', ours + 1).returncode, 0, 'one\'s own'
    )
    t.equal(i.stint('cancel', ours).returncode, 0, 'root may all')


def test_places_that_cannot_be_used(t):
    i = t.instance(start=False)
    file = i.home / 'file'
    file.write_text('')
    for env, code, part in (
        ({'STINT_STATE_DIR': f'{file}/state'}, 74, file),
        ({'STINT_STATE_DIR': '/proc/nowhere/x'}, 74, '/proc/nowhere'),
        ({'STINT_STATE_DIR': 'relative'}, 78, 'STINT_STATE_DIR'),
        ({'STINT_RUN_DIR': 'relative'}, 78, 'STINT_RUN_DIR'),
        ({'STINT_RUN_DIR': f'{i.home}/{"x" * 100}'}, 78, '107'),
    ):
        one_line(t, stintd(i, '--user', env=env), code, part)
    i.run.mkdir(mode=0o700)
    i.run.chmod(0o777)
    one_line(t, stintd(i, '--user'), 77, i.run, 'chmod')
    i.run.chmod(0o700)
    i.start()
    i.stop()
    if os.geteuid() == 0:
        i.home.chmod(0o755)
        one_line(t, stintd(i, '--user', user=NOBODY, cwd='/'), 77, i.state)


def test_a_second_instance_is_refused(t):
    i = t.instance()
    one_line(t, stintd(i, '--user'), 75, i.daemon.pid, i.state)
    one_line(t, stintd(i, '--user', env={'STINT_RUN_DIR': f'{i.home}/run2'}), 75, i.daemon.pid)
    i.stint('run', 'true')
    other = stintd(i, '--user', env={'STINT_STATE_DIR': f'{i.home}/state2'})
    t.true(other.returncode != 0, 'the socket is in use')
    t.contains(other.stderr, f'{i.run}/control.sock')
    i.stint('run', 'true')


def test_a_store_that_is_none_or_newer_is_refused(t):
    i = t.instance(start=False)
    i.state.mkdir(mode=0o700)
    (i.state / 'stint.db').write_bytes(b'this is no database\n' * 500)
    done = stintd(i, '--user', '--foreground')
    t.true(done.returncode != 0, 'no database')
    t.contains(done.stderr, 'stint.db')
    (i.state / 'stint.db').unlink()
    i.start()
    i.submit('true')
    i.stop()
    with sqlite3.connect(i.state / 'stint.db') as database:
        database.execute('PRAGMA user_version = 9999')
    database.close()
    done = stintd(i, '--user', '--foreground')
    t.equal(done.returncode, 78, done.stderr)
    t.contains(done.stderr, 'newer')


def malformed(i):
    return i.json('status')['status']['counters']['malformed']


def test_frames_that_do_not_decode_are_counted_and_do_not_hurt(t):
    i = t.instance()
    dispatcher = i.dispatcher()
    path = i.run / 'control.sock'
    headers = [
        b'',
        b'\0',
        b'\xc1',
        b'hello',
        PING[:-1],
        PING[:3],
        b'\x94',
        b'\x90',
        b'\xdd\xff\xff\xff\xff',
        b'\xdc\xff\xff' + PING,
        b'\x91' * 100_000,
        bytes([0x94, 9, 10, 1, 0]),
        bytes([0x94, 1, 99, 1, 0]),
        bytes([0x94, 1, 128, 1, 0]),
        bytes([0x94, 1, 10]) + b'\xc4\xff',
        b'\x94\x01\x02\x01\xc6\xff\xff\xff\xff',
        bytes(5 << 20),
        os.urandom(4096),
    ]
    with rawpeer.handshake(rawpeer.connect(path), 'DEALER') as client:
        for header in headers:
            client.sendall(rawpeer.frame(header))
        client.sendall(rawpeer.frame(b'part', more=True) * 300 + rawpeer.frame(b'last'))
        client.sendall(rawpeer.frame(PING))
        while rawpeer.receive_frame(client)[1][2] != PONG:  # the refusals come before it
            pass
    t.until(lambda: malformed(i) >= len(headers) - 3, 'what did not decode is counted')
    t.equal(i.dispatcher(), dispatcher, 'the same dispatcher lives')
    i.stint('run', 'true')


def test_connections_that_break_the_transport_do_not_hurt(t):
    i = t.instance()
    dispatcher = i.dispatcher()
    path = i.run / 'control.sock'
    for data in (
        b'',
        b'GET / HTTP/1.0\r\n\r\n',
        os.urandom(10_000),
        rawpeer.GREETING[:20],
        rawpeer.GREETING,
        rawpeer.GREETING + b'\x04\xff' + bytes(10),
        rawpeer.GREETING + rawpeer.frame(b'\x05READY', more=True),
        b'\xff' * 1000,
        rawpeer.GREETING + b'\x06' + b'\xff' * 8,
    ):
        with rawpeer.connect(path) as client:
            try:
                client.sendall(data)
            except (BrokenPipeError, ConnectionResetError):  # it may be refused at any byte
                pass
    idle = [rawpeer.connect(path) for _ in range(200)]
    for client in idle[::2]:
        rawpeer.handshake(client, 'DEALER')
    i.stint('run', 'true')
    for client in idle:
        client.close()
    t.equal(i.dispatcher(), dispatcher)
    i.stint('run', 'true')


def test_a_client_without_output_or_input(t):
    i = t.instance()
    with open('/dev/full', 'wb') as full:
        done = subprocess.run(
            i.command('submit', 'true'), env=i.env, stdout=full, stderr=subprocess.PIPE, check=False
        )
    t.equal(done.returncode, 74)
    t.contains(done.stderr, b'task 1')
    closed = subprocess.run(
        ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', *i.command('submit', 'true')],
        env=i.env,
        check=False,
    )
    t.true(closed.returncode in (0, 74), f'exit code {closed.returncode}')
    gone = subprocess.run(
        [
            'sh',
            '-c',
            'cd "$1"; rmdir "$1"; shift; exec "$@"',
            'sh',
            str(make(i.home / 'gone')),
            *i.command('submit', 'true'),
        ],
        env=i.env,
        capture_output=True,
        text=True,
        check=False,
    )
    one_line(t, gone, gone.returncode, '--cwd')


def make(path):
    path.mkdir()
    return pathlib.Path(path)


def test_members_of_a_group_may_use_an_instance_that_names_it(t):
    i = t.instance(start=False)
    need_other_users(i)
    shared = i.home / 'shared'
    shared.mkdir()
    i.home.chmod(0o711)
    i.config.write_text(
        f'control: {{ socket = "{shared}/control.sock"; group = "daemon"; }};\n'
        f'events: {{ socket = "{shared}/events.sock"; }};\n'
    )
    i.start()
    words = ['--endpoint', f'ipc://{shared}/control.sock', 'run', 'echo', 'for the group']
    member = as_nobody(i, *words, groups=[grp.getgrnam('daemon').gr_gid])
    t.equal((member.returncode, member.stdout, member.stderr), (0, 'for the group\n', ''))
    one_line(t, as_nobody(i, *words), 125, 'permission')
