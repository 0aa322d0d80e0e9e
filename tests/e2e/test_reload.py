"""A client asks for a reload: it is told the generation in force, or every finding."""
import os
import pathlib
import signal

import rawpeer
from harness import ONE_WORKER, Skip

NOBODY = 65534
RELOAD, ERROR, RELOADED = 13, 64, 78


class Reader:
    """As much of MessagePack as the answers need."""

    def __init__(self, data):
        self.data = data

    def take(self, size):
        part, self.data = self.data[:size], self.data[size:]
        return part

    def value(self):
        kind = self.take(1)[0]
        if kind < 0x80:
            return kind
        if kind & 0xF0 == 0x90:
            return [self.value() for _ in range(kind & 15)]
        if kind & 0xE0 == 0xA0:
            return self.take(kind & 31).decode()
        sizes = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2}
        number = int.from_bytes(self.take(sizes[kind]), 'big')
        if kind == 0xDC:
            return [self.value() for _ in range(number)]
        return self.take(number).decode() if kind in (0xD9, 0xDA, 0xDB) else number


class Client:
    """A connection of our own to the control socket."""

    def __init__(self, t, i):
        self.socket = rawpeer.handshake(rawpeer.connect(i.run / 'control.sock'), 'DEALER')
        t.clean_up(self.socket.close)

    def ask(self, request=1):
        self.socket.sendall(rawpeer.frame(bytes([0x94, 1, RELOAD, request, 0])))

    def answer(self):
        """(type, request id, fields)"""
        _, kind, request, *fields = Reader(rawpeer.receive_frame(self.socket)[1]).value()
        return kind, request, fields

    def reload(self):
        self.ask()
        return self.answer()


def pools(i):
    return {pool['name']: pool['wanted'] for pool in i.json('status')['status']['pools']}


def test_a_good_file_is_in_force_when_it_is_answered(t):
    i = t.instance(ONE_WORKER)
    client = Client(t, i)
    for generation in (2, 3, 4):
        i.config.write_text(ONE_WORKER.replace('workers = 1', f'workers = {generation}'))
        kind, request, (number, code, changes) = client.reload()
        t.equal((kind, request, number, code), (RELOADED, 1, generation, 0))
        before = generation - 1 if generation > 2 else 1
        t.true(changes.startswith(f'pools.default.workers: {before} → {generation} ('), changes)
        t.equal(pools(i), {'default': generation})
    i.daemon.send_signal(signal.SIGHUP)
    t.until(lambda: 'configuration 5 is in force' in i.log_text(), 'a signal does the same')
    t.equal(client.reload(), (RELOADED, 1, [6, 0, '']))


def test_a_bad_file_changes_nothing_and_every_finding_is_told(t):
    i = t.instance(ONE_WORKER)
    client, workers = Client(t, i), t.until(i.workers, 'a worker lives')
    i.config.write_text('queus: ();\ndaemon: {\n  log_levle = "info";\n};\npools: ({ name = "p";'
                        ' queues = ["x"]; workers = 0; });\n')
    kind, _, (generation, code, text) = client.reload()
    t.equal((kind, generation, code), (RELOADED, 1, 78))
    places = [line[:line.index(': ')] for line in text.split('\n')]
    for line in (1, 3, 5):
        t.true(f'{i.config}:{line}' in places, f'line {line} is not in {text!r}')
    t.true(all(place.startswith(f'{i.config}:') for place in places), text)
    t.equal((i.workers(), pools(i)), (workers, {'default': 1}))
    i.stint('run', 'true')
    i.config.write_text('this is none')
    t.contains(client.reload()[2][2], f'{i.config}:1: ')
    i.config.write_text(ONE_WORKER)
    t.equal(client.reload(), (RELOADED, 1, [2, 0, '']))


def test_more_findings_than_fit_are_counted(t):
    i = t.instance(ONE_WORKER)
    client = Client(t, i)
    i.config.write_text(''.join(f'{"x" * 300}{n} = 1;\n' for n in range(80)))
    text = client.reload()[2][2]
    *lines, last = text.split('\n')
    t.true(len(text.encode()) > 15_000, f'{len(text)} bytes')
    for number, line in enumerate(lines, 1):
        t.true(line.startswith(f'{i.config}:{number}: '), line)
    t.equal(last, f'… and {80 - len(lines)} more')
    i.config.write_text(''.join(f'x{n} = 1;\n' for n in range(300)))
    lines = client.reload()[2][2].split('\n')
    t.contains(lines[-1], 'more')
    t.true(len(lines) > 50, f'{len(lines)} lines')


def test_what_needs_a_restart_is_refused(t):
    i = t.instance(ONE_WORKER)
    client = Client(t, i)
    for line in (
        f'control: {{ socket = "{i.home}/other.sock"; }};',
        'store: { url = "memory:"; };',
    ):
        i.config.write_text(ONE_WORKER + line)
        _, _, (generation, code, text) = client.reload()
        t.equal((generation, code), (1, 78), text)
        t.contains(text, 'restart')


def test_many_who_ask_at_once_are_all_answered_after_what_they_wrote(t):
    i = t.instance(ONE_WORKER)
    clients = [Client(t, i) for _ in range(8)]
    before = 1
    for workers in range(2, 22):
        i.daemon.send_signal(signal.SIGHUP)
        clients[0].ask(9)  # one that runs already when the file is changed
        i.config.write_text(ONE_WORKER.replace('workers = 1', f'workers = {workers}'))
        for client in clients:
            client.ask()
        t.equal(clients[0].answer()[:2], (RELOADED, 9))
        for client in clients:
            kind, request, (generation, code, _) = client.answer()
            t.equal((kind, request, code), (RELOADED, 1, 0))
            t.true(generation > before, f'{generation} is not after {before}')
        before = generation
        t.equal(pools(i), {'default': workers})


def test_a_bad_file_answers_each_of_many(t):
    i = t.instance(ONE_WORKER)
    clients = [Client(t, i) for _ in range(5)]
    i.config.write_text('x = 1;\n')
    for client in clients:
        for request in range(20):
            client.ask(request)
    for client in clients:
        for request in range(20):
            kind, got, (generation, code, text) = client.answer()
            t.equal((kind, got, generation, code), (RELOADED, request, 1, 78))
            t.equal(text.count('\n'), 0, 'the findings of one reload')


def test_it_is_asked_again_when_the_dispatcher_died(t):
    i = t.instance(ONE_WORKER)
    dispatcher, client = i.dispatcher(), Client(t, i)
    os.kill(dispatcher, signal.SIGSTOP)
    client.ask()
    os.kill(dispatcher, signal.SIGKILL)
    t.until(lambda: i.dispatcher() != dispatcher, 'another dispatcher')
    t.equal(Client(t, i).reload()[2][1:], [0, ''])
    i.config.write_text('x = 1;\n')
    t.equal(Client(t, i).reload()[2][1], 78)


def test_only_the_owner_and_root_may(t):
    if os.geteuid() != 0:
        raise Skip('needs root, to be another user')
    i = t.instance(ONE_WORKER, start=False)
    i.kind = []  # the system's: others may use it
    i.start()
    i.home.chmod(0o711)
    i.run.chmod(0o711)
    pathlib.Path(i.run / 'control.sock').chmod(0o666)
    os.seteuid(NOBODY)  # whom the kernel names as the one who connects
    try:
        stranger = Client(t, i)
    finally:
        os.seteuid(0)
    i.config.write_text(ONE_WORKER.replace('workers = 1', 'workers = 2'))
    kind, request, (code, text) = stranger.reload()
    t.equal((kind, request, code), (ERROR, 1, 77))
    t.contains(text, 'reload refused')
    t.equal(pools(i), {'default': 1})
    t.equal(Client(t, i).reload()[2][:2], [2, 0])
