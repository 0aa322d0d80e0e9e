"""The job of scripts/demo, on a private instance of the stint in a build directory.

`stint map` makes one task of each file: it adds a line to a journal of what ran, compresses the
file to a file of its own, and prints its SHA-256. The dispatcher is killed three times meanwhile.
Then every compressed file is unpacked and compared with its original, the checksums, which come in
the order of the files, with those computed here, and the journal must name each task once.

Usage: demo-job.py BUILD
"""
import collections
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
import time

FILES = 1000
BYTES_MAX = 1 << 20  # of one file
PLACES = ['/usr/share/doc', '/usr/include']
KILLS = 3  # of the dispatcher
PATIENCE = 120  # seconds

CONFIG = '''
daemon: { stop_timeout = "1s"; };
pools: ( { name = "default"; queues = ["default"]; workers = %d; } );
'''
TASK = '''echo "$STINT_TASK" >>"$1" &&
packed=$2$3.gz && mkdir -p "${packed%/*}" &&
gzip -c <"$3" >"$packed" &&
sha256sum <"$3"'''


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


def say(text):
    """A line on stderr, over what map has drawn on a terminal."""
    erase = '\r\033[K' if sys.stderr.isatty() else ''
    print(f'{erase}demo: {text}', file=sys.stderr, flush=True)


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

    def command(self, *words):
        return [self.build / 'client' / 'cli' / 'stint', '--user', *words]

    def stint(self, *words, check=True):
        done = subprocess.run(self.command(*words), env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)
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
    """The files, one task each, by one `stint map`."""

    def __init__(self, instance, files):
        self.instance, self.files = instance, files
        self.packed = instance.home / 'packed'
        self.packed.mkdir()
        self.journal = instance.home / 'journal'
        self.journal.touch()
        self.inputs = instance.home / 'inputs'
        self.inputs.write_bytes(b''.join(os.fsencode(path) + b'\0' for path in files))
        self.sums = instance.home / 'sums'

    def ran(self):
        """How many tasks have begun."""
        return self.journal.read_bytes().count(b'\n')

    def map(self):
        """Starts it. On a terminal it draws its progress itself."""
        with open(self.sums, 'wb') as sums:
            return subprocess.Popen(
                self.instance.command('map', '-0', '-a', self.inputs, 'sh', '-c', TASK, 'sh',
                                      self.journal, self.packed, '{}'),
                env=self.instance.env, stdin=subprocess.DEVNULL, stdout=sums)

    def run(self):
        """Kills the dispatcher again and again while map runs; how often."""
        total, killed = len(self.files), 0
        process = self.map()
        deadline = time.monotonic() + PATIENCE
        try:
            while process.poll() is None:
                ran = self.ran()
                if killed < KILLS and ran >= (killed + 1) * total // (KILLS + 1):
                    pid = self.instance.kill_dispatcher()
                    killed += 1
                    say(f'{ran} of {total} begun: killed the dispatcher (pid {pid}, SIGKILL)')
                if time.monotonic() > deadline:
                    raise Failure(f'after {PATIENCE} s {self.ran()} of {total} tasks have begun')
                time.sleep(0.02)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return killed

    def packed_well(self, path, original):
        """Is the compressed file there, and does it hold the original?"""
        try:
            packed = pathlib.Path(f'{self.packed}{path}.gz').read_bytes()
            return gzip.decompress(packed) == original
        except (OSError, EOFError):
            return False

    def check(self):
        """(bytes in, bytes out, results that are missing, results that are wrong)."""
        size_in = wrong = 0
        sums = [line.split(' ')[0] for line in self.sums.read_text().splitlines()]
        for path, found in zip(self.files, sums):
            original = pathlib.Path(path).read_bytes()
            size_in += len(original)
            wrong += not (found == hashlib.sha256(original).hexdigest() and
                          self.packed_well(path, original))
        size_out = sum(file.stat().st_size for file in self.packed.rglob('*.gz'))
        return size_in, size_out, len(self.files) - len(sums), wrong

    def runs(self):
        """(tasks that never ran, tasks that ran more than once)."""
        ran = collections.Counter(self.journal.read_text().split())
        return len(self.files) - len(ran), sum(count > 1 for count in ran.values())


def demo(instance):
    files = pick_files()
    instance.start()
    job = Job(instance, files)
    say(f'compressing and checksumming {len(files)} files of {" and ".join(PLACES)}, one task each')
    began = time.monotonic()
    killed = job.run()
    seconds = time.monotonic() - began
    say('comparing every result with the original')
    succeeded = instance.succeeded()
    size_in, size_out, missing, wrong = job.check()
    lost, twice = job.runs()
    rows = [('files', len(files)), ('bytes in', f'{size_in:,}'), ('bytes out', f'{size_out:,}'),
            ('seconds', f'{seconds:.1f}'), ('dispatcher kills', killed), ('succeeded', succeeded),
            ('never run', lost), ('run twice', twice), ('results missing', missing),
            ('results wrong', wrong)]
    for name, value in rows:
        print(f'{name:<18}{value:>14}')
    good = succeeded == len(files) and killed == KILLS and not (lost or twice or missing or wrong)
    print('demo: every file was worked on exactly once, and every result is right' if good else
          'demo: this is not as it should be', flush=True)
    return 0 if good else 1


def main():
    def leave(number, frame):
        sys.exit(128 + number)

    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, leave)
    instance = Instance(sys.argv[1])
    try:
        return demo(instance)
    except (Failure, OSError, subprocess.SubprocessError) as error:
        say(str(error))
        return 1
    finally:
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
        instance.close()


if __name__ == '__main__':
    sys.exit(main())
