"""An instance that has nothing to do sleeps."""
import pathlib

import harness
from faults import CONFIG, now

SECONDS = 10  # measuring a rate is the one place where time must pass


def switches(pid):
    """Voluntary context switches of all threads of a process."""
    total = 0
    for thread in pathlib.Path(f'/proc/{pid}/task').iterdir():
        for line in (thread / 'status').read_text().splitlines():
            if line.startswith('voluntary_ctxt_switches:'):
                total += int(line.split()[1])
    return total


def rate(t, pids):
    """Wakeups of each process in SECONDS."""
    before, began = {pid: switches(pid) for pid in pids}, now()
    t.until(lambda: now() >= began + SECONDS, 'time passes')
    return {pid: switches(pid) - before[pid] for pid in pids}


def test_an_idle_instance_wakes_up_at_most_once_a_second_in_each_process(t):
    i = t.instance(CONFIG % 2)
    i.submit('true')
    i.stint('run', 'echo', 'x')
    pids = [i.daemon.pid, i.dispatcher(), *i.workers()]
    names = {pid: harness.program(pid) for pid in pids}
    settled = {}

    def calm():  # no wakeup at all in half a second: what the tasks left behind is done
        nonlocal settled
        current = {pid: switches(pid) for pid in pids}
        if current != settled.get('at'):
            settled = {'at': current, 'since': now()}
        return now() >= settled['since'] + 0.5
    t.until(calm, 'the instance settles')
    for pid, count in rate(t, pids).items():
        t.true(count <= SECONDS, f'{names[pid]} woke up {count} times in {SECONDS} s')
