"""The words in which a task's end is told, for each kind of end: by show, list, watch and the log.
None says twice what it has said already."""
import os
import re
import signal
import subprocess

from harness import ONE_WORKER, PATIENCE

UID = os.getuid()


def shown(i, task):
    """Its state and its attempts as `show` has them, without workers: ['failed: timeout', …]"""
    lines = i.stint('show', task).stdout.splitlines()
    texts = [re.split(r'\s{2,}|(?<=^attempt \d) +', line, maxsplit=1)[1] for line in lines
             if re.match(r'state |attempt ', line)]
    return [text.split(';')[0] for text in texts]


def listed(i, task):
    """The column END of `list`."""
    heading, line = i.stint('list', task).stdout.splitlines()
    begin, end = heading.index('END'), heading.index('NAME')
    return line[begin:end].strip()


def logged(t, i, task, word):
    """What the log says of it, once that has the word."""
    def lines():
        found = re.findall(rf'task {task} (.*?) task=', i.log_text())
        return word in ' '.join(found) and found
    return t.until(lines, f'{word} is logged')


def test_ends_of_commands(t):
    i = t.instance(ONE_WORKER)
    plain = i.home / 'plain'
    plain.write_text('x')
    for command, ends, more in (
        (['true'], '', 'succeeded'),
        (['false'], 'exit code 1', 'failed: exit code 1'),
        (['sh', '-c', 'kill -KILL $$'], 'killed by signal 9 (KILL)',
         'failed: killed by signal 9 (KILL)'),
        (['--timeout', '50ms', 'sleep', '1000'], 'timeout', 'failed: timeout'),
        (['--output-limit', '5', 'echo', 'very long'], '', 'succeeded'),
        (['no-such-command'], 'could not start: No such file or directory', None),
        ([plain], 'could not start: Permission denied', None),
    ):  # fmt: skip
        task = i.submit(*command)
        i.ended(task)
        t.equal(listed(i, task), ends)
        if more:
            t.equal(shown(i, task), [more, more])
            t.equal(logged(t, i, task, more), ['is ready', 'is running', more])
        else:
            t.equal(shown(i, task), [f'failed: {ends}', 'failed: could not start'])
            t.contains(i.stint('show', task).stdout, f' cannot execute {command[0]}: ')
    t.contains(i.stint('show', 5).stdout, 'not kept: 5 B')


def test_ends_by_a_cancel(t):
    i = t.instance(ONE_WORKER)
    gate = i.gate()
    running, waiting = i.submit(*gate.command), i.submit('--delay', '1h', 'true')
    gate.entered()
    i.stint('cancel', running, waiting)
    for task, times in (running, 2), (waiting, 1):
        i.ended(task)
        t.equal(shown(i, task), [f'cancelled: by uid {UID}'] * times)
        t.equal(listed(i, task), f'by uid {UID}')
        logged(t, i, task, f'cancelled: by uid {UID}')


def runs_for_sure(t, i, task):
    """Waits until its worker has told that it began: a second report of progress comes behind
    that. What is lost before then is pushed again as the same attempt."""
    progress = lambda: i.task(task).get('progress')  # noqa: E731
    first = t.until(progress, 'it tells its progress')
    t.until(lambda: progress() not in (None, first), 'it tells more')


def test_attempts_that_another_one_follows(t):
    i = t.instance('daemon: { stop_timeout = "50ms"; };\n' + ONE_WORKER)
    path = i.home / 'events'
    with open(path, 'wb') as file:
        watch = i.spawn('watch', stdout=file, stderr=subprocess.DEVNULL)
    t.until(lambda: i.stint('run', 'true') and path.stat().st_size, 'it watches')
    counts = 'n=1; while :; do n=$(((n+1)%100)); echo "$n%" >&$STINT_PROGRESS_FD; sleep 0.1; done'
    task = i.submit('sh', '-c', counts)
    runs_for_sure(t, i, task)
    os.kill(i.workers()[0], signal.SIGKILL)
    t.until(lambda: i.task(task)['attempt'] == 2, 'it runs again')
    runs_for_sure(t, i, task)
    i.stop()
    i.start()
    t.until(lambda: i.task(task)['attempt'] == 3, 'and again')
    runs_for_sure(t, i, task)
    i.stint('cancel', task)
    i.ended(task)
    t.equal(shown(i, task), [
        f'cancelled: by uid {UID}', 'interrupted: worker lost', 'interrupted: stopped by stint',
        f'cancelled: by uid {UID}'])  # fmt: skip
    t.contains(i.stint('show', task).stdout, ' its worker ended: killed by signal 9 (KILL)\n')
    told = logged(t, i, task, 'cancelled')
    t.true('is ready: attempt 1 ended: worker lost' in told, told)
    t.true('is ready: attempt 2 ended: stopped by stint' in told, told)
    t.until(lambda: 'cancelled' in path.read_text(), 'the end is told')
    t.contains(path.read_text(), 'ready      attempt 1 ended: worker lost\n')
    t.contains(path.read_text(), f'cancelled  attempt 3  by uid {UID}\n')
    watch.send_signal(signal.SIGINT)
    watch.wait(PATIENCE)


def test_one_instance_is_meant(t):
    i = t.instance(start=False)
    for arguments in ('--system', 'status'), ('status', '--system'):
        done = i.stint(*arguments, check=64)
        t.contains(done.stderr, '--system contradicts --user: leave out one of them')
    i.kind = ['--system']
    done = i.stint('status', '--user', check=64)
    t.contains(done.stderr, '--user contradicts --system')
    t.equal(i.stint('--version', '--system').stdout[:6], 'stint ', 'once more is no other one')
