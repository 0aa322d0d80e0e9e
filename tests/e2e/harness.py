"""A private, real instance of stint for one test: real binaries, real sockets, real files, in a
temporary directory.

    def test_submit_prints_the_id_alone(t):
        i = t.instance()
        done = i.stint('submit', 'true')
        t.equal(done.stdout, '1\\n')

Tests are functions named test_* with one argument, a Test. They wait for conditions (t.until),
never for time, and end only processes that they started, by pid. run.py runs the tests of one
module and prints TAP.
"""

import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

BUILD = pathlib.Path(os.environ['STINT_BUILD'])  # meson's build directory
PROGRAMS = {'stintd': BUILD / 'supervisor' / 'stintd', 'stint': BUILD / 'client' / 'cli' / 'stint'}
# Seconds until a condition that does not come true fails the test; generous: machines are slow.
PATIENCE = 60.0


class Failure(Exception):
    """What the test expected did not happen."""


class Skip(Exception):
    """The machine lacks what the test needs; says what."""


def children(pid):
    """Pids of the direct children of a process."""
    try:
        text = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(word) for word in text.split()]


def program(pid):
    """Name of the program that a process runs, '' when it is gone."""
    try:
        return (
            pathlib.Path(f'/proc/{pid}/cmdline')
            .read_bytes()
            .split(b'\0')[0]
            .decode()
            .rsplit('/', 1)[-1]
        )
    except (FileNotFoundError, ProcessLookupError):
        return ''


def process_state(pid):
    """The letter of its state, X when it is gone."""
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return 'X'


def alive(pid):
    """Is there such a process, and is it no zombie?"""
    return process_state(pid) not in 'ZX'


ENDS = ('succeeded', 'failed', 'cancelled', 'expired')
# A run may already wait at a busy worker, but never that of a task with --at-most-once, which tests
# of order use therefore.
ONE_WORKER = 'pools: ({ name = "default"; queues = ["default"]; workers = 1; });\n'


class Gate:
    """A task that runs until the test lets it go: gate.command reads a FIFO that the test holds
    open."""

    def __init__(self, test, path):
        self.test, self.path, self.end = test, path, None
        self.command = ['cat', str(path)]
        os.mkfifo(path)
        test.clean_up(self.open)

    def try_enter(self):
        try:
            self.end = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        return True

    def entered(self):
        """Waits until the task runs and reads."""
        self.test.until(self.try_enter, f'a task reads {self.path}')

    def open(self):
        """Lets the task go, if it has come."""
        if self.end is None:
            self.try_enter()
        if self.end is not None:
            os.close(self.end)
            self.end = None


class Instance:
    """One's own instance (stintd --user) with all of its files below one directory."""

    def __init__(self, test, config=None, start=True):
        self.test = test
        self.home = pathlib.Path(tempfile.mkdtemp(prefix='stint-e2e-'))
        self.state, self.run = self.home / 'state', self.home / 'run'
        self.config = self.home / 'config' / 'stintd.conf'
        self.config.parent.mkdir()
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('STINT_', 'XDG_'))
        }
        self.env.update(
            HOME=str(self.home),
            XDG_CONFIG_HOME=str(self.home / 'xdg'),
            STINT_STATE_DIR=str(self.state),
            STINT_RUN_DIR=str(self.run),
            STINT_AUTOSTART='0',
            NO_COLOR='1',
            STINT_PAGER='',
            LC_ALL='C.UTF-8',
        )
        self.daemon, self.kind = None, ['--user']  # []: the system's, as root
        self.programs = PROGRAMS
        if config is not None:
            self.config.write_text(config)
        if start:
            self.start()

    # ---- the daemon ----

    def start(self, wait=True):
        arguments = [str(self.programs['stintd']), *self.kind, '--foreground']
        if self.config.exists():
            arguments += ['--config', str(self.config)]
        self.log = open(self.home / 'log', 'ab')
        self.daemon = subprocess.Popen(
            arguments,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            cwd='/',
            start_new_session=True,
        )
        if wait:
            self.test.until(
                lambda: self.daemon.poll() is not None
                or self.stint('ping', check=False).returncode == 0,
                'the instance answers',
            )
            if self.daemon.poll() is not None:
                raise Failure(f'stintd ended with {self.daemon.returncode}: {self.log_text()}')

    def stop(self, expect=0, patience=PATIENCE):
        """SIGTERM, and wait until everything is gone."""
        self.daemon.send_signal(signal.SIGTERM)
        code = self.daemon.wait(patience)
        if expect is not None and code != expect:
            raise Failure(f'stintd ended with {code}, not {expect}: {self.log_text()}')
        self.daemon = None

    def kill(self):
        """A crash of the whole instance."""
        self.daemon.kill()
        self.daemon.wait(PATIENCE)
        self.daemon = None

    def log_text(self):
        """What was logged, to stderr and into files."""
        files = [self.home / 'log', *sorted((self.state / 'log').glob('*'))]
        return ''.join(file.read_text(errors='replace') for file in files if file.exists())[-6000:]

    def dispatcher(self):
        """Pid of the dispatcher; waits until there is one."""
        return self.test.until(
            lambda: next(
                (p for p in children(self.daemon.pid) if program(p) == 'stint-dispatcher'), None
            ),
            'a dispatcher lives',
        )

    def workers(self):
        return [p for p in children(self.daemon.pid) if program(p) == 'stint-worker']

    def kill_dispatcher(self):
        os.kill(self.dispatcher(), signal.SIGKILL)

    def reload(self, config):
        self.config.write_text(config)
        self.daemon.send_signal(signal.SIGHUP)

    # ---- the client ----

    def command(self, *arguments):
        return [
            str(self.programs['stint']),
            *(self.kind or ['--system']),
            *map(str, arguments),
        ]

    def stint(
        self,
        *arguments,
        check=True,
        input=None,
        text=True,
        timeout=PATIENCE * 2,
        env=None,
        **options,
    ):
        """Runs the client to its end. check: True expects exit code 0, a number expects that one,
        False anything."""
        if input is None:
            options['stdin'] = subprocess.DEVNULL
        done = subprocess.run(
            self.command(*arguments),
            env={**self.env, **(env or {})},
            input=input,
            capture_output=True,
            text=text,
            timeout=timeout,
            check=False,
            **options,
        )
        expected = {True: 0, False: None}.get(check, check) if isinstance(check, bool) else check
        if expected is not None and done.returncode != expected:
            raise Failure(
                f'stint {" ".join(map(str, arguments))}: exit {done.returncode}, not {expected}; '
                f'stdout {done.stdout[-500:]!r}, stderr {done.stderr[-500:]!r}'
            )
        return done

    def spawn(self, *arguments, **options):
        """Starts the client and leaves it running; the test ends it or waits."""
        process = subprocess.Popen(
            self.command(*arguments),
            env=self.env,
            stdout=options.pop('stdout', subprocess.PIPE),
            stderr=options.pop('stderr', subprocess.PIPE),
            stdin=options.pop('stdin', subprocess.DEVNULL),
            **options,
        )
        self.test.clean_up(lambda: self.end(process))
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def submit(self, *arguments):
        """Submits a task and returns its id."""
        return int(self.stint('submit', *arguments).stdout)

    def json(self, *arguments, check=True):
        return json.loads(self.stint('--json', *arguments, check=check).stdout)

    def task(self, task_id):
        """A task as `stint list --json` shows it."""
        return self.json('list', task_id)['tasks'][0]

    def ended(self, task_id):
        """Waits for the end of a task and returns it as task() does."""
        return self.test.until(
            lambda: (row := self.task(task_id))['state'] in ENDS and row, f'task {task_id} ends'
        )

    def output(self, task_id):
        """What a task wrote to its stdout, as bytes, after its end."""
        self.ended(task_id)
        return self.stint('result', task_id, text=False).stdout

    def gate(self):
        return Gate(self.test, self.home / f'gate{next(self.test.numbers)}')

    def close(self, failed):
        if self.daemon and self.daemon.poll() is None:
            (
                self.daemon.kill() if failed else self.daemon.terminate()
            )  # what a failed test left running need not be waited for
            try:
                self.daemon.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        if failed and (self.home / 'log').exists():
            self.test.note(self.log_text())
        shutil.rmtree(self.home, ignore_errors=True)


class Test:
    """What a test function gets: instances, conditions, comparisons."""

    def __init__(self):
        self.instances, self.clean_ups, self.notes = [], [], []
        self.numbers = itertools.count(1)

    def instance(self, config=None, start=True):
        instance = Instance.__new__(Instance)
        self.instances.append(instance)
        instance.__init__(self, config, start)
        return instance

    def clean_up(self, function):
        self.clean_ups.append(function)

    def note(self, text):
        self.notes.append(text)

    def until(self, condition, what, patience=PATIENCE):
        """Waits until condition() is true and returns its value."""
        deadline = time.monotonic() + patience
        step = threading.Event()
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise Failure(f'after {patience:.0f} s still not: {what}')
            step.wait(0.01)

    def true(self, value, what):
        if not value:
            raise Failure(what)

    def equal(self, got, expected, what=''):
        if got != expected:
            raise Failure(f'{what or "value"}: got {got!r}, expected {expected!r}')

    def contains(self, text, part):
        if part not in text:
            raise Failure(f'{part!r} is not in {text!r}')

    def close(self, failed):
        for function in reversed(self.clean_ups):
            function()
        for instance in self.instances:
            instance.close(failed)
