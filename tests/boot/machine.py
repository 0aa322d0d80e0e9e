"""A Debian of its own that boots a real systemd, in a container of systemd-nspawn.

The root file system is made by debootstrap once and kept; each machine is a copy of it.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

PATIENCE = 90.0
SUITE = 'bookworm'
MIRROR = os.environ.get('DEBIAN_MIRROR', 'http://deb.debian.org/debian')
INCLUDED = (
    'systemd,systemd-sysv,dbus,libpam-systemd,cron,python3,libzmq5,libmsgpackc2,libconfig9,'
    'libsystemd0,libsqlite3-0,libjansson4,libsmartcols1,libjudydebian1,libncursesw6,sqlite3'
)


class Failure(Exception):
    pass


class Impossible(Exception):
    """This host cannot do it: whatever needs it is skipped, and says so."""


def until(condition, what, patience=PATIENCE):
    """Waits until condition() is true, and returns what it returned."""
    end = time.monotonic() + patience
    pause = 0.01
    while not (result := condition()):
        if time.monotonic() > end:
            raise Failure(f'after {patience:.0f} s still not: {what}')
        threading.Event().wait(pause)
        pause = min(2 * pause, 0.25)
    return result


def make_base(path):
    """A root file system without stint, unless it is there already, whole, as it would be made
    now. debootstrap has mounts of its own, so that none is left if it is killed."""
    command = ['debootstrap', '--variant=minbase', f'--include={INCLUDED}', SUITE]
    done, recipe = path / 'done', ' '.join(command)
    if done.is_file() and done.read_text() == recipe:
        return path / 'root'
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    with (path / 'log').open('wb') as log:
        code = subprocess.run(
            ['unshare', '--mount', *command, str(path / 'root'), MIRROR],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False,
        ).returncode  # fmt: skip
    if code:
        said = (path / 'log').read_text(errors='replace').splitlines()[-1:]
        raise Impossible(f'debootstrap from {MIRROR} failed: {" ".join(said)}')
    done.write_text(recipe)
    return path / 'root'


def is_init(pid):
    """Whether it is process 1 of a pid namespace of its own: helpers of nspawn come before it."""
    try:
        status = pathlib.Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return False
    ids = re.search(r'^NSpid:(.*)$', status, re.M).group(1).split()
    return len(ids) > 1 and ids[-1] == '1'


class Machine:
    def __init__(self, base, path):
        self.path, self.name = path, f'stint-boot-{os.getpid()}'
        self.nspawn, self.init = None, 0
        subprocess.run(['cp', '-a', '--reflink=auto', str(base), str(path)], check=True)

    # ---- power ----

    def boot(self):
        """Boots until systemd has started everything."""
        self.nspawn = subprocess.Popen(
            [
                *('systemd-nspawn', '-q', '-b', '-D', str(self.path), f'--machine={self.name}'),
                *('--private-network', '--register=no', '--keep-unit'),
            ],
            stdin=subprocess.DEVNULL,
            stdout=(self.path.parent / 'console').open('ab'),
            stderr=subprocess.STDOUT,
            env={**os.environ, 'SYSTEMD_NSPAWN_UNIFIED_HIERARCHY': '1'},
        )
        try:
            self.init = until(self.find_init, 'the container begins', 30)
            until(self.is_up, 'systemd has started everything', 60)
        except Failure:
            self.cut()
            raise

    def find_init(self):
        if self.nspawn.poll() is not None:
            raise Failure(f'systemd-nspawn ended with {self.nspawn.returncode}')
        children = pathlib.Path(f'/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children')
        return next((pid for pid in map(int, children.read_text().split()) if is_init(pid)), 0)

    def is_up(self):
        return self.run('systemctl', 'is-system-running', check=False).stdout.strip() in (
            'running',
            'degraded',
        )

    def cut(self):
        """The power is cut: every process dies at once."""
        if self.nspawn and self.nspawn.poll() is None:
            if self.init:
                os.kill(self.init, signal.SIGKILL)
            else:
                self.nspawn.kill()
            self.nspawn.wait(PATIENCE)
        self.nspawn, self.init = None, 0

    def power_off(self):
        self.run('systemctl', 'poweroff', check=False)
        self.nspawn.wait(PATIENCE)
        self.nspawn, self.init = None, 0

    # ---- memory ----

    @contextlib.contextmanager
    def limited_memory(self, unit, size):
        """While in it, the kernel kills processes of the unit that want more than size bytes all
        together: by the unit's own limit, or, where the host keeps the controller of memory for
        its first version of control groups, by a group of that."""
        groups = pathlib.Path('/sys/fs/cgroup')
        if not self.run('test', '-e', f'{groups}/system.slice/{unit}/memory.max',
                        check=False).returncode:  # fmt: skip
            limit = f'MemoryMax={size}', 'MemorySwapMax=0'
            self.run('systemctl', 'set-property', '--runtime', unit, *limit)
            try:
                yield
            finally:
                self.run('systemctl', 'set-property', '--runtime', unit, 'MemoryMax=infinity')
            return
        scope = re.search(r'^0::(.*)/init.scope$', self.init_file('cgroup'), re.M)
        members = groups / 'unified' / (scope.group(1) if scope else '').lstrip('/')
        members = members / 'system.slice' / unit / 'cgroup.procs'
        own = groups / 'memory' / self.name
        if not members.exists() or not own.parent.exists():
            raise Impossible('no controller limits memory here')
        try:
            own.mkdir()
            (own / 'memory.limit_in_bytes').write_text(str(size))
            for pid in members.read_text().split():
                (own / 'cgroup.procs').write_text(pid)
        except OSError as error:
            raise Impossible(f'memory cannot be limited here: {error}') from None
        try:
            yield
        finally:
            for pid in (own / 'cgroup.procs').read_text().split():
                (own.parent / 'cgroup.procs').write_text(pid)
            own.rmdir()

    def init_file(self, name):
        return pathlib.Path(f'/proc/{self.init}/{name}').read_text()

    # ---- work ----

    def command(self, *arguments):
        return ['nsenter', '-t', str(self.init), '-m', '-p', '-u', '-n', '-i', '-C', '--wdns=/',
                *map(str, arguments)]  # fmt: skip

    def run(self, *arguments, check=True, timeout=PATIENCE):
        """Runs a command inside, as root."""
        env = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'}
        done = subprocess.run(
            self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout, check=False, env={**env, 'LANG': 'C.UTF-8', 'HOME': '/root'},
        )  # fmt: skip
        if check and done.returncode:
            raise Failure(
                f'{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}'
            )
        return done

    def out(self, *arguments):
        return self.run(*arguments).stdout.strip()

    def shell(self, line, check=True, timeout=PATIENCE):
        return self.run('sh', '-c', line, check=check, timeout=timeout)

    def as_user(self, user, line, check=True):
        """A login shell of the user."""
        return self.run('su', '-', user, '-s', '/bin/sh', '-c', line, check=check)

    def cpus(self):
        return int(self.out('nproc'))

    def file(self, path):
        return self.path / path.lstrip('/')

    def write(self, path, text, mode=0o644):
        target = self.file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    # ---- the service ----

    def show(self, name, unit='stintd.service'):
        return self.out('systemctl', 'show', '-P', name, unit)

    def journal(self, *match):
        return self.out('journalctl', '-o', 'cat', '--no-pager', *match)

    def below(self, pid):
        """Pids of the children of a process, by their names."""
        out = self.run('cat', f'/proc/{pid}/task/{pid}/children', check=False).stdout
        names = {}
        for child in out.split():
            name = self.run('cat', f'/proc/{child}/comm', check=False).stdout.strip()
            names.setdefault(name, []).append(int(child))
        return names

    def main_pid(self):
        return int(self.show('MainPID'))

    def dispatcher(self):
        return until(
            lambda: self.below(self.main_pid()).get('stint-dispatche'), 'a dispatcher runs'
        )[0]

    def workers(self):
        return self.below(self.main_pid()).get('stint-worker', [])

    def kill(self, name, pid):
        self.run('sh', '-c', f'kill -{name} {pid}')
