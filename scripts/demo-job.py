"""The job of scripts/demo, on a private instance of the stint in a build directory.

Each file is one task: it is compressed to a file of its own, its SHA-256 goes to the task's
stdout, and a line is added to a journal of what ran. The dispatcher is killed when half of them are
done. Then every compressed file is unpacked and compared with its original, every checksum with one
computed here, and the journal must name each task once.

Usage: demo-job.py BUILD
"""
import concurrent.futures
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

FILES = 600
BYTES_MAX = 1 << 20  # of one file
PLACES = ['/usr/share/doc', '/usr/include']
CLIENTS = 4  # that submit at once
PATIENCE = 120  # seconds

CONFIG = '''
daemon: { stop_timeout = "1s"; };
pools: ( { name = "default"; queues = ["default"]; workers = %d; } );
'''
TASK = 'echo "$STINT_TASK" >>"$3" && gzip -c <"$1" >"$2" && sha256sum <"$1"'


class Failure(Exception):
    """The demo cannot go on; says why."""


def pick_files():
    """FILES of the machine's own, spread over all that there are."""
    found = []
    for place in PLACES:
        for directory, _, names in os.walk(place):
            for name in names:
                path = os.path.join(directory, name)
                if os.path.islink(path) or not os.access(path, os.R_OK):
                    continue
                if os.path.isfile(path) and 0 < os.path.getsize(path) <= BYTES_MAX:
                    found.append(path)
    if len(found) < 500:
        raise Failure(f'only {len(found)} readable files below {" and ".join(PLACES)}, '
                      'at least 500 are needed: install a package with documentation')
    found.sort()
    count = min(FILES, len(found))
    return [found[i * len(found) // count] for i in range(count)]


class Progress:
    """One line on stderr: drawn again and again on a terminal, else only what happens."""

    def __init__(self):
        self.terminal = sys.stderr.isatty()
        self.drawn = False

    def draw(self, text):
        if self.terminal:
            sys.stderr.write(f'\r\033[K{text}')
            sys.stderr.flush()
            self.drawn = True

    def say(self, text):
        self.end()
        print(f'demo: {text}', file=sys.stderr, flush=True)

    def end(self):
        if self.drawn:
            sys.stderr.write('\r\033[K')
        self.drawn = False


class Instance:
    """stintd with everything of its own below one temporary directory."""

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix='stint-demo-'))
        self.daemon = None
        self.env = {k: v for k, v in os.environ.items() if not k.startswith('STINT_')}
        self.env.update(STINT_STATE_DIR=str(self.home / 'state'),
                        STINT_RUN_DIR=str(self.home / 'run'), STINT_AUTOSTART='0')

    def start(self):
        config = self.home / 'stintd.conf'
        config.write_text(CONFIG % max(2, len(os.sched_getaffinity(0))))
        # A session of its own: Ctrl-C is for this program, which then ends the instance.
        self.daemon = subprocess.Popen(
            [self.build / 'supervisor' / 'stintd', '--user', '--foreground', '--config', config],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.home / 'log', 'wb'), start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while self.stint('ping', check=False).returncode != 0:
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                raise Failure('stintd does not start: ' +
                              (self.home / 'log').read_text(errors='replace').strip())
            time.sleep(0.02)

    def stint(self, *words, check=True):
        done = subprocess.run([self.build / 'client' / 'cli' / 'stint', '--user', *words],
                              env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
                              check=False)
        if check and done.returncode != 0:
            raise Failure(done.stderr.decode(errors='replace').strip() or
                          f'stint {words[0]}: exit code {done.returncode}')
        return done

    def succeeded(self):
        listed = self.stint('list', '--json', '--state', 'succeeded', '--number', '0').stdout
        return len(json.loads(listed)['tasks'])

    def kill_dispatcher(self):
        """SIGKILL, by pid; returns the pid."""
        pid = self.daemon.pid
        for word in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split():
            name = pathlib.Path(f'/proc/{word}/cmdline').read_bytes().split(b'\0')[0]
            if name.endswith(b'stint-dispatcher'):
                os.kill(int(word), signal.SIGKILL)
                return int(word)
        raise Failure('there is no dispatcher to kill')

    def close(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            try:
                self.daemon.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        shutil.rmtree(self.home, ignore_errors=True)


class Job:
    """The files, one task each; ids[i] is the task of files[i]."""

    def __init__(self, instance, files):
        self.instance, self.files, self.ids = instance, files, [None] * len(files)
        self.packed = instance.home / 'packed'
        self.packed.mkdir()
        self.journal = instance.home / 'journal'
        self.stopped = threading.Event()

    def submit(self, i):
        if not self.stopped.is_set():
            done = self.instance.stint('submit', 'sh', '-c', TASK, 'sh', self.files[i],
                                       str(self.packed / str(i)), str(self.journal))
            self.ids[i] = int(done.stdout)

    def ran(self):
        """How many tasks have begun."""
        return self.journal.read_bytes().count(b'\n') if self.journal.exists() else 0

    def run(self, progress):
        """Submits all, kills the dispatcher in the middle, waits for the rest."""
        total, killed = len(self.files), 0
        pool = concurrent.futures.ThreadPoolExecutor(CLIENTS)
        try:
            submits = [pool.submit(self.submit, i) for i in range(total)]
            deadline = time.monotonic() + PATIENCE
            while not all(s.done() for s in submits) or self.ran() < total:
                for s in submits:
                    if s.done():
                        s.result()
                progress.draw(f'{sum(s.done() for s in submits)} of {total} files submitted, '
                              f'{self.ran()} begun, {killed} dispatchers killed')
                if not killed and self.ran() >= total // 2:
                    pid = self.instance.kill_dispatcher()
                    killed += 1
                    progress.say(f'{self.ran()} of {total} begun: killed the dispatcher '
                                 f'(pid {pid}, SIGKILL)')
                if time.monotonic() > deadline:
                    break  # what is lost is counted
                time.sleep(0.02)
        finally:
            self.stopped.set()
            pool.shutdown(cancel_futures=True)
        self.instance.stint('wait', *self.selector(), check=False)
        return killed

    def selector(self):
        return [str(task) for task in self.ids if task is not None]

    def sums(self):
        """What the tasks printed, by id. `stint result` gives results in the order of ids."""
        ids, found = sorted(self.selector(), key=int), {}
        for at in range(0, len(ids), 100):
            part = ids[at:at + 100]
            lines = self.instance.stint('result', *part, check=False).stdout.decode().split('\n')
            found.update(zip(part, (line.split(' ')[0] for line in lines)))
        return found

    def check(self):
        """(bytes in, bytes out, files whose result is missing or wrong)."""
        size_in = size_out = wrong = 0
        sums = self.sums()
        for i, path in enumerate(self.files):
            original = pathlib.Path(path).read_bytes()
            packed = self.packed / str(i)
            size_in += len(original)
            size_out += packed.stat().st_size if packed.exists() else 0
            try:
                same = gzip.decompress(packed.read_bytes()) == original
            except (OSError, EOFError):
                same = False
            wrong += not same or sums.get(str(self.ids[i])) != hashlib.sha256(original).hexdigest()
        return size_in, size_out, wrong

    def runs(self):
        """(tasks that never ran, tasks that ran more than once)."""
        ran = self.journal.read_text().split() if self.journal.exists() else []
        lost = len(set(self.selector()) - set(ran)) + self.ids.count(None)
        return lost, len({task for task in ran if ran.count(task) > 1})


def demo(instance, progress):
    files = pick_files()
    instance.start()
    job = Job(instance, files)
    progress.say(f'compressing and checksumming {len(files)} files of '
                 f'{" and ".join(PLACES)}, one task each')
    began = time.monotonic()
    killed = job.run(progress)
    seconds = time.monotonic() - began
    progress.draw('comparing every result with the original')
    succeeded = instance.succeeded()
    size_in, size_out, wrong = job.check()
    lost, twice = job.runs()
    progress.end()
    rows = [('files', len(files)), ('bytes in', f'{size_in:,}'), ('bytes out', f'{size_out:,}'),
            ('seconds', f'{seconds:.1f}'), ('dispatcher kills', killed), ('succeeded', succeeded),
            ('lost', lost), ('run twice', twice), ('wrong results', wrong)]
    for name, value in rows:
        print(f'{name:<18}{value:>14}')
    good = succeeded == len(files) and killed > 0 and lost == twice == wrong == 0
    if not good:
        print('demo: this is not as it should be', file=sys.stderr)
    return 0 if good else 1


def main():
    def leave(number, frame):
        sys.exit(128 + number)

    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, leave)
    progress, instance = Progress(), Instance(sys.argv[1])
    try:
        return demo(instance, progress)
    except (Failure, OSError, subprocess.SubprocessError) as error:
        progress.say(str(error))
        return 1
    finally:
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
        progress.end()
        instance.close()


if __name__ == '__main__':
    sys.exit(main())
