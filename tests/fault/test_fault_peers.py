"""Peers that behave badly: readers that do not read, connections that say nothing, garbage, and too
many of all of it. Everybody else is served as if they were not there."""
import contextlib
import os
import resource
import subprocess
import threading

import harness
import rawpeer
from faults import CONFIG, ROUNDS, Load, check_log, wait_all_ended

MESSAGES = '''
daemon: { stop_timeout = "0s"; };
queues: ( { name = "default"; }, { name = "noop"; } );
pools: ( { name = "default"; queues = ["default"]; workers = 1; },
         { name = "noop"; queues = ["noop"]; handler = "noop"; workers = 1; } );
'''


PING, PONG = 10, 74


def closing(t, connection):
    t.clean_up(connection.close)
    return connection


def events_of(connection, topics, stop):
    """Reads topics of events until stop() says so; more than one event may be missing."""
    connection.settimeout(0.05)
    while not stop.is_set():
        try:
            flags, body = rawpeer.receive_frame(connection)
        except TimeoutError:
            continue
        if flags & 1:
            topics.append(body.decode())


def test_subscribers_that_do_not_read_hold_nobody_up(t):
    i = t.instance(MESSAGES)
    path, topics, stop = i.run / 'events.sock', [], threading.Event()
    for _ in range(20):
        closing(t, rawpeer.subscriber(path))
    slow = closing(t, rawpeer.subscriber(path))
    good = closing(t, rawpeer.subscriber(path))
    reader = threading.Thread(target=events_of, args=(good, topics, stop))
    reader.start()
    t.clean_up(lambda: (stop.set(), reader.join()))
    load = Load(i, 20000 * ROUNDS, queue='noop', payload=64, batch=500)
    while load.process.poll() is None:
        slow.recv(1)
    ids = load.finish()
    wait_all_ended(i, len(ids))
    last = i.submit('true')
    t.until(lambda: f'task/default/{last}/succeeded' in topics, 'who reads gets events')
    t.true(any(topic.startswith('task/noop/') for topic in topics), 'events of the load')
    check_log(i)


def test_half_open_and_silent_connections_are_no_burden(t):
    i = t.instance(CONFIG % 1)
    dispatcher = i.dispatcher()
    for path in i.run / 'control.sock', i.run / 'events.sock':
        for said in (b'', rawpeer.GREETING[:20], rawpeer.GREETING, b'GET / HTTP/1.1\r\n\r\n',
                     os.urandom(99)):
            for _ in range(20):
                closing(t, rawpeer.connect(path)).sendall(said)
    ids = Load(i, 200, '/bin/true', batch=10).finish()
    wait_all_ended(i, len(ids))
    t.equal(i.dispatcher(), dispatcher, 'pid of the dispatcher')


def test_connections_that_come_and_go_are_no_burden(t):
    i = t.instance(CONFIG % 1)
    dispatcher = i.dispatcher()
    load = Load(i, 500, '/bin/true', batch=10, window=1)
    for n in range(1000 * ROUNDS):
        path = i.run / ('control.sock' if n % 2 else 'events.sock')
        with rawpeer.connect(path) as connection:
            connection.sendall(rawpeer.GREETING[:n % 64])
    ids = load.finish()
    wait_all_ended(i, len(ids))
    t.equal(i.dispatcher(), dispatcher, 'pid of the dispatcher')


def test_a_flood_of_garbage_is_counted_and_nothing_else(t):
    i = t.instance(CONFIG % 1)
    dispatcher, sent = i.dispatcher(), 5000 * ROUNDS
    client = closing(t, rawpeer.handshake(rawpeer.connect(i.run / 'control.sock'), 'DEALER'))
    client.settimeout(harness.PATIENCE)
    bad = [os.urandom(40), b'', b'\xdd\xff\xff\xff\xff', b'\x93\x01\xcc\xff\x01', bytes(70000)]
    load = Load(i, 500, '/bin/true', batch=10, window=1)

    def swallow():  # answers come back: who does not read them cannot go on writing
        try:
            while client.recv(1 << 16):
                pass
        except OSError:
            pass
    threading.Thread(target=swallow, daemon=True).start()
    for n in range(sent):
        client.sendall(rawpeer.frame(bad[n % len(bad)]))
    ids = load.finish()
    wait_all_ended(i, len(ids))

    def malformed():
        return i.json('status')['status']['counters']['malformed']
    t.until(lambda: malformed() == sent, f'{sent} malformed messages are counted')
    t.equal(i.dispatcher(), dispatcher, 'pid of the dispatcher')


def start_with_few_descriptors(i, number):
    """As Instance.start, with RLIMIT_NOFILE so low that it cannot be raised again."""
    words = ['prlimit', f'--nofile={number}:{number}', harness.BUILD / 'supervisor' / 'stintd',
             '--user', '--foreground']
    i.daemon = subprocess.Popen(words, env=i.env, stdin=subprocess.DEVNULL, cwd='/',
                                stdout=subprocess.DEVNULL, stderr=open(i.home / 'log', 'ab'),
                                start_new_session=True)
    i.test.until(lambda: i.stint('ping', check=False).returncode == 0, 'the instance answers')


def flood_with_few_descriptors(t, socket):
    i = t.instance(start=False)
    start_with_few_descriptors(i, 128)
    dispatcher = i.dispatcher()
    for _ in range(400):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # closed meanwhile
            closing(t, rawpeer.connect(i.run / socket)).sendall(rawpeer.GREETING)
    ids = Load(i, 50, '/bin/true', batch=10, window=1).finish()
    wait_all_ended(i, len(ids))
    t.equal(i.dispatcher(), dispatcher, 'pid of the dispatcher')
    check_log(i)


def test_the_control_socket_with_few_descriptors(t):
    flood_with_few_descriptors(t, 'control.sock')


def test_the_event_socket_with_few_descriptors(t):
    flood_with_few_descriptors(t, 'events.sock')


CLIENTS, FEWEST_CLIENTS = 10000, 1000


def most_clients(t):
    """As many as the limit of descriptors lets the dispatcher keep (dispatcher/connection-limit.c:
    40 % for each socket), with some left for others."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = before[1]
    limit = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    clients = min(CLIENTS, limit // 10 * 4 - 100)
    if clients < FEWEST_CLIENTS:
        raise harness.Skip(f'RLIMIT_NOFILE is {hard}, which is room for {clients} clients only')
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    t.clean_up(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, before))
    return clients


def test_ten_thousand_clients_are_connected_and_answered(t):
    count = most_clients(t)
    i = t.instance(CONFIG % 1)
    dispatcher, clients = i.dispatcher(), []
    for _ in range(count):
        clients.append(closing(t, rawpeer.connect(i.run / 'control.sock')))
        rawpeer.handshake(clients[-1], 'DEALER')
    for request in 1, 2:
        for client in clients:
            client.sendall(rawpeer.frame(bytes([0x94, 1, PING, request, 0])))
        if request == 1:
            ids = Load(i, 50, '/bin/true', batch=10, window=1).finish()
            wait_all_ended(i, len(ids))
        for client in clients:
            t.equal(rawpeer.receive_frame(client)[1][1:4], bytes([1, PONG, request]))
    t.equal(i.json('status')['status']['counters']['shed_connections'], 0)
    t.equal(i.dispatcher(), dispatcher, 'pid of the dispatcher')
    check_log(i)


def test_many_clients_at_once(t):
    i = t.instance(MESSAGES)
    loads = [Load(i, 200, queue='noop', payload=10, batch=1, window=10, name=f'acked{n}')
             for n in range(20)]
    acked = [load.finish() for load in loads]
    t.equal(len(set().union(*acked)), 4000, 'ids that were given')
    wait_all_ended(i, 4000)
