"""A stop of the service ends in time whatever its processes do: tasks that ignore TERM, that left
their session, that are stopped; a worker or a dispatcher that is stopped. Nothing of it is left
behind, and what was interrupted runs again after the next start."""
import os
import signal

import harness
from faults import check_log

CONFIG = '''daemon: { stop_timeout = "100ms"; };
pools: ( { name = "default"; queues = ["default"]; workers = 4; } );
'''
# Each process writes its pid into a directory that is named after the attempt. The second attempt
# ends at once.
SCRIPT = '''here=%(place)s/$STINT_ATTEMPT; mkdir $here; touch $here/$$
[ $STINT_ATTEMPT = 1 ] || exit 0
%(first)s
'''
STUBBORN = '''trap "" TERM HUP INT
setsid sh -c "touch $here/\\$\\$; setsid sh -c 'touch $here/\\$\\$; while :; do sleep 1; done' &
              while :; do sleep 1; done" &
while :; do sleep 1; done
'''
SLEEPY = 'sleep 1000 & touch $here/$!; wait'


class Task:
    """A task with a place for the pids of its processes."""

    def __init__(self, i, first, processes, *options):
        self.i, self.processes = i, processes
        self.place = i.home / f'task{len(list(i.home.glob("task*")))}'
        self.place.mkdir()
        script = SCRIPT % {'place': self.place, 'first': first}
        self.id = i.submit(*options, 'sh', '-c', script)

    def pids(self):
        return [int(file.name) for file in self.place.glob('1/*')]

    def runs(self):
        return len(self.pids()) == self.processes

    def signal(self, number):
        for pid in self.pids():
            os.kill(pid, number)


def stopped(pid):
    return harness.process_state(pid) == 'T'


def stop_and_start(t, i, tasks):
    """Stops it: nothing is left. Starts it: all run again, and no retry was counted."""
    pids = [pid for task in tasks for pid in task.pids()]
    family = harness.children(i.daemon.pid)
    i.stop(patience=2 * harness.PATIENCE)  # a silent worker is given up after 30 s
    t.equal([pid for pid in pids + family if harness.alive(pid)], [], 'what is left')
    i.start()
    for task in tasks:
        row = i.ended(task.id)
        t.equal((row['state'], row['attempt']), ('succeeded', 2), f'task {task.id}')


def test_tasks_that_do_not_heed_term_are_gone_when_the_stop_is_over(t):
    i = t.instance(CONFIG)
    tasks = [
        Task(i, STUBBORN, 3, '--grace', '200ms'),
        Task(i, STUBBORN, 3, '--grace', '200ms'),
        Task(i, SLEEPY, 2, '--grace', '200ms'),
        Task(i, SLEEPY, 2),
    ]
    t.until(lambda: all(task.runs() for task in tasks), 'all run')
    tasks[1].signal(signal.SIGSTOP)
    tasks[2].signal(signal.SIGSTOP)
    halted = tasks[1].pids() + tasks[2].pids()
    t.until(lambda: all(map(stopped, halted)), 'some are stopped')
    stop_and_start(t, i, tasks)
    check_log(i, allowed=())


def test_a_stopped_dispatcher_does_not_hold_up_the_stop(t):
    i = t.instance(CONFIG)
    tasks = [Task(i, STUBBORN, 3, '--grace', '200ms'), Task(i, SLEEPY, 2)]
    t.until(lambda: all(task.runs() for task in tasks), 'all run')
    os.kill(i.dispatcher(), signal.SIGSTOP)
    stop_and_start(t, i, tasks)


def test_a_stopped_worker_does_not_hold_up_the_stop(t):
    i = t.instance(CONFIG)
    tasks = [Task(i, STUBBORN, 3, '--grace', '200ms'), Task(i, SLEEPY, 2)]
    t.until(lambda: all(task.runs() for task in tasks), 'all run')
    for worker in i.workers():
        os.kill(worker, signal.SIGSTOP)
    stop_and_start(t, i, tasks)
