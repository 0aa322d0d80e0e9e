"""The disk of the state directory fills up and is made free again. As root, on a small tmpfs in a
mount namespace of this process, so that nothing is left behind whatever happens."""
import ctypes
import os
import subprocess

import harness
from faults import CONFIG, Load, Marks, Store, check_log, log_lines, wait_all_ended

CLONE_NEWNS = 0x00020000
SIZE = 200 << 20  # submits are refused with less than 64 MiB free


def small_disk(path):
    """A file system of SIZE at path; skips where that is not allowed."""
    if os.geteuid() != 0:
        raise harness.Skip('mounting a small file system needs root')
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise harness.Skip(f'no mount namespace: {os.strerror(ctypes.get_errno())}')
    path.mkdir(mode=0o700)
    for words in (['mount', '--make-rprivate', '/'],
                  ['mount', '-t', 'tmpfs', '-o', f'size={SIZE},mode=0700', 'stint-fault', path]):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise harness.Skip(f'cannot mount: {done.stderr.strip()}')


def instance_on_small_disk(t, config=CONFIG % 1):
    i = t.instance(config, start=False)
    small_disk(i.state)
    t.clean_up(lambda: unmount(i))
    i.start()
    return i


def unmount(i):
    make_room(i)
    if i.daemon:
        i.stop(expect=None)
    subprocess.run(['umount', '-l', i.state], check=False)


def free_bytes(i):
    disk = os.statvfs(i.state)
    return disk.f_bavail * disk.f_frsize


def fill(i, leave):
    """Fills the disk until leave bytes are free, again and again while others free some."""
    with open(i.state / 'filler', 'ab', buffering=0) as file:
        while (size := free_bytes(i) - leave) > 0:
            try:
                file.write(bytes(min(size, 1 << 20)))
            except OSError:
                return


def make_room(i):
    (i.state / 'filler').unlink(missing_ok=True)


def accepted_again(i):
    return i.stint('submit', 'true', check=False).returncode == 0


def test_a_nearly_full_disk_refuses_submits_until_there_is_room(t):
    i = instance_on_small_disk(t)
    dispatcher = i.dispatcher()
    gate = i.home / 'gate'
    running = i.submit('sh', '-c', f'until [ -e {gate} ]; do sleep 0.02; done; echo done')
    fill(i, leave=32 << 20)
    # The dispatcher looks at the disk when something is written, once a second.
    t.until(lambda: i.stint('submit', 'true', check=False).returncode == 75, 'submits are refused')
    refused = i.stint('submit', 'true', check=75)
    t.contains(refused.stderr, 'nearly full')
    gate.touch()
    t.equal(i.stint('wait', running, check=False).returncode, 0, 'what runs can end')
    t.equal(i.stint('result', running).stdout, 'done\n')
    make_room(i)
    t.until(lambda: accepted_again(i), 'submits are accepted again')
    t.equal(i.dispatcher(), dispatcher, 'pid of the dispatcher')
    check_log(i)


def test_a_full_disk_loses_nothing_that_was_acknowledged(t):
    i = instance_on_small_disk(t)
    dispatcher = i.dispatcher()
    marks = Marks(i)
    load = Load(i, 4000, *marks.command(1), batch=1, window=1, go_on=1)  # slower than the filling
    t.until(lambda: len(load.acked()) > 50, 'some tasks are acknowledged')
    fill(i, leave=0)
    load.finish(expect=75)
    acked = load.acked()
    t.true(0 < len(acked) < 4000, f'{len(acked)} of 4000 were acknowledged: the disk was not full')
    t.equal({code for code, _ in load.refused()}, {75}, 'how the others were refused')
    t.equal(acked - Store(i).ids(), set(), 'acknowledged and not stored')
    fill(i, leave=0)  # what the dispatcher gave back to itself
    i.stint('ping')
    make_room(i)
    t.until(lambda: accepted_again(i), 'submits are accepted again')
    store = wait_all_ended(i, len(acked))
    t.equal(i.dispatcher(), dispatcher, 'pid of the dispatcher')
    t.equal(acked - {task for task, end in store.ends().items() if end[0] == 'succeeded'}, set(),
            'acknowledged and not done')
    marks.check()
    runs = [task for task, _, _, _ in marks.of('start')]
    t.equal(len(runs), len(set(runs)), 'tasks that ran once')
    t.true(any('submits are accepted again' in line for line in log_lines(i)), 'it is in the log')
    check_log(i)


def test_a_dispatcher_killed_on_a_full_disk_comes_back(t):
    i = instance_on_small_disk(t)
    ids = Load(i, 200, '/bin/true', batch=10).finish()
    fill(i, leave=0)
    dispatcher = i.dispatcher()
    i.kill_dispatcher()
    t.until(lambda: i.dispatcher() != dispatcher, 'another dispatcher is started')
    t.until(lambda: i.stint('ping', check=False).returncode == 0, 'it opened the store')
    make_room(i)
    t.until(lambda: accepted_again(i), 'submits are accepted again')
    store = wait_all_ended(i, len(ids))
    t.equal(ids - store.ids(), set(), 'acknowledged and not stored')
