"""What fault tests share: load with a log of what was acknowledged, a look into the store, marks of
what really ran, and things that die at random moments.

Every random choice comes from one seed, which a failing test prints: STINT_FAULT_SEED repeats it.
STINT_FAULT_ROUNDS (1) multiplies how much is done, for the long runs of the night.
"""
import os
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time

import harness

ROUNDS = int(os.environ.get('STINT_FAULT_ROUNDS', '1'))
LOAD = harness.BUILD / 'tests' / 'fault' / 'load'
TASK = harness.BUILD / 'tests' / 'fault' / 'task'

# What still runs at the end of a test is not waited for.
CONFIG = '''daemon: { stop_timeout = "0s"; };
pools: ( { name = "default"; queues = ["default"]; workers = %d; } );
'''


def dice(test):
    """The random numbers of a test."""
    seed = int(os.environ.get('STINT_FAULT_SEED', random.randrange(1 << 32)))
    test.note(f'STINT_FAULT_SEED={seed}')
    return random.Random(seed)


def strike(pid, name, number=signal.SIGKILL):
    """Signals a process if it still is what it was seen to be; False when it was gone."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if harness.program(pid) != name:
            return False
        signal.pidfd_send_signal(fd, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


# ---- what was acknowledged ----

class Load:
    """A client that submits count tasks and keeps a log of the answers (tests/fault/load.c)."""

    def __init__(self, instance, count, *command, name='acked', **options):
        self.test, self.log = instance.test, instance.home / name
        words = [str(LOAD), '--count', str(count), '--log', str(self.log)]
        for option, value in options.items():
            words += ['--' + option.replace('_', '-'), str(value)]
        self.count = count
        self.process = subprocess.Popen(words + [str(word) for word in command], env=instance.env,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True)
        self.test.clean_up(self.close)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def lines(self):
        text = self.log.read_text() if self.log.exists() else ''
        return [line.split(' ', 3) for line in text.split('\n')[:-1]]

    def acked(self):
        """The ids that were acknowledged."""
        ids = [task for line in self.lines() if line[0] == 'ack'
               for task in range(int(line[1]), int(line[1]) + int(line[2]))]
        self.test.equal(len(ids), len(set(ids)), 'ids given once')
        return set(ids)

    def refused(self):
        """(exit code, tasks) of each refusal."""
        return [(int(line[1]), int(line[2])) for line in self.lines() if line[0] == 'refused']

    def finish(self, expect=0):
        """Waits for its end; all that was acknowledged."""
        errors = self.process.communicate(timeout=harness.PATIENCE * 4)[1]
        self.test.equal(self.process.returncode, expect, f'exit code of load ({errors.strip()})')
        return self.acked()

    def kill(self):
        self.process.kill()
        self.process.communicate()
        return self.acked()


# ---- what is stored ----

class Store:
    """The database of an instance, read only, as a user with the sqlite3 shell sees it."""

    def __init__(self, instance):
        self.path = instance.state / 'stint.db'

    def rows(self, query, *values):
        database = sqlite3.connect(f'file:{self.path}?mode=ro', uri=True, timeout=30)
        try:
            return database.execute(query, values).fetchall()
        finally:
            database.close()

    def ids(self):
        return {row[0] for row in self.rows('SELECT id FROM task')}

    def unended(self):
        return self.rows('SELECT count(*) FROM tasks WHERE state = ?', 'unended')[0][0]

    def ended(self):
        return self.rows('SELECT count(*) FROM task_end')[0][0]

    def ends(self):
        """id -> (state, reason, attempt)"""
        return {row[0]: row[1:] for row in
                self.rows('SELECT id, state, reason, attempt FROM tasks')}


def wait_all_ended(instance, count):
    """Until so many tasks are stored and all have ended."""
    store = Store(instance)
    instance.test.until(lambda: store.ended() >= count and store.unended() == 0,
                        f'all {count} tasks end', harness.PATIENCE * 2 * ROUNDS)
    return store


# ---- what really ran ----

class Marks:
    """The directory in which tests/fault/task.c leaves its marks."""

    def __init__(self, instance, name='marks'):
        self.test, self.directory = instance.test, instance.home / name
        self.directory.mkdir()

    def command(self, *arguments):
        return [TASK, self.directory, *arguments]

    def of(self, what):
        """[(task, run, attempt, pid)] of the marks of one kind, in their order."""
        file = self.directory / 'marks'
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return [tuple(map(int, line[1:])) for line in lines if line[0] == what]

    def check(self):
        """What holds whatever dies: one start per run id, no two runs of a task at once."""
        self.test.equal(self.of('overlap'), [], 'runs of one task at the same time')
        runs = [run for _, run, _, _ in self.of('start')]
        self.test.equal(len(runs), len(set(runs)), 'run ids that start once')

    def check_each_once(self, ids):
        """Each task ran exactly once, from its start to its end."""
        self.check()
        for what in 'start', 'end':
            tasks = sorted(task for task, _, _, _ in self.of(what))
            twice = sorted({a for a, b in zip(tasks, tasks[1:]) if a == b})
            self.test.equal(twice, [], f'tasks that {what} twice')
            self.test.equal(sorted(set(ids) - set(tasks)), [], f'tasks that never {what}')


# ---- what dies ----

class Fault(threading.Thread):
    """Calls act() again and again until it is stopped; act() returns how often it struck."""

    def __init__(self, test, act):
        super().__init__(daemon=True)
        self.act, self.stopped, self.strikes, self.error = act, threading.Event(), 0, None
        test.clean_up(self.end)
        self.start()

    def run(self):
        try:
            while not self.stopped.is_set():
                self.strikes += self.act(self.stopped.wait)
        except Exception as error:  # told by stop(), in the thread of the test
            self.error = error

    def end(self):
        self.stopped.set()
        self.join()

    def stop(self, at_least=1):
        """Ends it; how often it struck, which must not be too seldom for the test to mean much."""
        self.end()
        if self.error:
            raise self.error
        if self.strikes < at_least:
            raise harness.Failure(f'only {self.strikes} faults, not {at_least}: tests nothing')
        return self.strikes


def log_lines(instance):
    """What supervisor, dispatchers and workers have logged."""
    files = [instance.home / 'log', *(instance.state / 'log').glob('*')]
    return [line for file in files for line in file.read_text(errors='replace').splitlines()]


class DispatcherLives:
    """Follows the logs for the dispatchers that were ready, and the pause before the next one."""

    def __init__(self, instance):
        self.instance, self.places = instance, {}
        self.ready, self.pause_msec = set(), 10.0

    def new_lines(self):
        directory = self.instance.state / 'log'
        for path in [self.instance.home / 'log', *directory.glob('*')]:
            with open(path, 'rb') as file:
                file.seek(self.places.get(path, 0))
                whole = file.read().rpartition(b'\n')[0]
            self.places[path] = self.places.get(path, 0) + len(whole)
            yield from whole.decode(errors='replace').splitlines()

    def read(self):
        for line in self.new_lines():
            if match := re.search(r'stint-dispatcher\[(\d+)\].* ready: epoch', line):
                self.ready.add(int(match[1]))
            elif match := re.search(r'starting another in (\d+)(ms|s)', line):
                self.pause_msec = int(match[1]) * (1 if match[2] == 'ms' else 1000)


def dispatcher_killer(instance, random_numbers, msec, wait_ready=True):
    """A fault: the dispatcher is killed msec[0] … msec[1] after it was ready.

    The supervisor slows down the restarts of one that dies at once. So that the test does not wait
    for that, one in a while lives for long enough to be forgiven.
    """
    lives = DispatcherLives(instance)

    def act(wait):
        pid = instance.dispatcher()
        while wait_ready and not wait(0.001):
            lives.read()
            if pid in lives.ready or not harness.alive(pid):
                break
        life = random_numbers.uniform(*msec)
        if lives.pause_msec > 40:
            life = max(life, lives.pause_msec * 1.5)
        wait(life / 1000)
        return strike(pid, 'stint-dispatcher')

    return Fault(instance.test, act)


def worker_killer(instance, random_numbers, msec):
    """A fault: a random worker is killed every msec[0] … msec[1]."""

    def act(wait):
        wait(random_numbers.uniform(*msec) / 1000)
        workers = instance.workers()
        return bool(workers) and strike(random_numbers.choice(workers), 'stint-worker')

    return Fault(instance.test, act)


def staller(instance, msec):
    """A fault: the workers stand still for msec, then run for msec, and so on."""

    def act(wait):
        stopped = [pid for pid in instance.workers() if strike(pid, 'stint-worker', signal.SIGSTOP)]
        wait(msec / 1000)
        for pid in stopped:
            strike(pid, 'stint-worker', signal.SIGCONT)
        wait(msec / 1000)
        return len(stopped)

    return Fault(instance.test, act)


def all_workers(instance, count):
    """The pids of the workers, once as many live as the configuration says."""
    return instance.test.until(lambda: len(instance.workers()) == count and instance.workers(),
                               f'{count} workers live')


def load_under(instance, faults, at_least, count, *command, **options):
    """Loads (see Load) until each fault has struck often enough to mean something, so that a fast
    machine tests as much as a slow one, and all has ended; then stops the faults. All that was
    acknowledged, and the store.
    """
    ids, deadline = set(), now() + harness.PATIENCE * 4 * ROUNDS
    while not ids or (min(fault.strikes for fault in faults) < at_least and now() < deadline):
        load = Load(instance, count, *command, name=f'acked{len(ids)}', **options)
        ids |= load.finish()
        store = wait_all_ended(instance, len(ids))
    for fault in faults:
        fault.stop(at_least)
    return ids, store


def kill_everything(instance):
    """kill -9 of supervisor, dispatcher and workers, as nearly at once as it gets."""
    pids = [(pid, harness.program(pid)) for pid in harness.children(instance.daemon.pid)]
    instance.daemon.kill()
    for pid, name in pids:
        if name in ('stint-dispatcher', 'stint-worker'):
            strike(pid, name)
    instance.daemon.wait(harness.PATIENCE)
    instance.daemon = None


def check_log(instance, allowed=('signal 9',)):
    """No dispatcher and no worker died in a way that the test did not intend."""
    for line in log_lines(instance):
        if 'invariant broken' in line or 'runtime error' in line:
            raise harness.Failure(line)
        died = re.search(r'dispatcher ended \((.*?)\)|worker of pool \S+ ended: (.*)', line)
        how = died and (died[1] or died[2])
        if how and 'exit code 0' not in how and not any(part in how for part in allowed):
            raise harness.Failure(line)


def now():
    return time.monotonic()
