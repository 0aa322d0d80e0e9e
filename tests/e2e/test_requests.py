"""Requests of the dispatcher that programs make, over the real sockets: outputs of many tasks,
forgetting, signals, missed events, progress, groups.
"""
import msgpack
from client import Client

LIST, SHOW, STATUS, SIGNAL, PURGE, OUTPUTS, EVENTS = 6, 7, 9, 11, 12, 14, 15
SUBMIT, RUNNING, SUCCEEDED = 2, 5, 6
STATE, PROGRESS = 3, 22  # of a row


def client(t, **options):
    i = t.instance(**options)
    return i, Client((i.state / 'endpoint').read_text().strip())


def shell(script):
    return msgpack.packb({'argv': ['/bin/sh', '-c', script]})


def running(c, task):
    """Its row, once it runs."""
    while True:
        (row,) = c.call(SHOW, task)[0]
        if row[STATE] == RUNNING:
            return row


def submit_as(c, payload, group='', retry_of=0):
    c.seq += 1
    task = [1, 'default', 0, '', [], '', 0, 0, 0, 0, 0, 0, 0, len(payload), group, retry_of]
    return c.call(SUBMIT, c.id, c.seq, c.seq - 1, 0, 0, [task], payload=payload)[0]


def rows_of(c, kind, text='', flags=0, states=0, limit=0):
    return c.call(LIST, [[kind, 0, 0, 0, text]], states, '', 0, 0, limit, flags)[0]


def test_outputs_of_many_tasks_come_in_one_answer(t):
    _, c = client(t)
    ids = c.submit(*[shell(f'echo {n}; echo err {n} >&2') for n in range(20)], shell('echo 123456'))
    c.wait(ids)
    items, data = c.call(OUTPUTS, 6, [*ids, 999])
    t.equal([item[0] for item in items], [*ids, 999])
    t.equal(items[-1][1:], [0] * 9)
    t.equal(items[-2][2:6], [1, 0, 0, 0])  # too long: left out, flagged
    t.equal(items[-2][6], 7)
    t.equal(data, b''.join(b'%d\nerr %d\n' % (n, n) for n in range(10)) + b''.join(
        b'%d\n' % n for n in range(10, 20)))


def test_outputs_are_there_as_soon_as_the_end_is_told(t):
    _, c = client(t)
    for n in range(50):
        ids = c.submit(shell(f'echo {n}'))
        c.wait(ids)
        t.equal(c.call(OUTPUTS, 100, [*ids])[1], b'%d\n' % n)


def test_purged_tasks_are_forgotten_once_and_durably(t):
    i, c = client(t)
    ids = c.submit(shell('echo one'), shell('head -c 100000 /dev/zero'), shell('sleep 600'))
    c.wait(ids[:2])
    running(c, ids[2])
    t.equal(len([f for f in (i.state / 'output').rglob('*') if f.is_file()]), 1)
    c.seq += 1
    purge = [PURGE, c.id, c.seq, c.seq - 1, [*ids, ids[0], 999]]
    answer = [2, [ids[2]], [999], []]
    t.equal(c.call(*purge), [*answer, *c.frames[2:]])
    t.equal(c.call(*purge)[:4], answer)
    t.equal([f for f in (i.state / 'output').rglob('*') if f.is_file()], [])
    t.equal(c.call(4, [[ids[0], 2]])[1], [*ids[:2]])  # to who waits they are unknown
    try:
        c.output(ids[0])
        t.fail('there is output')
    except RuntimeError as error:
        t.equal(error.args[0], 65)
    t.equal([row[0] for row in rows_of(c, 3)], [ids[2]])


def test_a_signal_reaches_the_run_which_goes_on(t):
    _, c = client(t)
    script = 'trap "echo got it; got=1" USR1; echo ready; until [ "$got" ]; do sleep 0.01; done'
    script += '; exit 0'
    ids = c.submit(shell(script), shell('true'))
    running(c, ids[0])
    while c.call(8, ids[0], 0, 1, 0, 0, 1)[-1] != b'ready\n':
        pass
    c.wait(ids[1:])
    t.equal(c.call(SIGNAL, 10, [*ids, 999])[:5], [1, 0, 1, [999], []])
    t.equal(c.wait(ids[:1])[ids[0]], [SUCCEEDED, 1, 0])
    t.equal(c.output(ids[0]), b'ready\ngot it\n')
    for number in (0, 65):
        try:
            c.call(SIGNAL, number, [1])
            t.fail('a signal that does not exist was sent')
        except RuntimeError as error:
            t.equal(error.args[0], 65)


def test_groups_and_repetitions_are_shown_and_selected(t):
    _, c = client(t)
    first = submit_as(c, shell('true'), group='night')
    again = submit_as(c, shell('true'), group='night', retry_of=first)
    other = submit_as(c, shell('true'))
    c.wait([first, again, other])
    rows = rows_of(c, 8, 'night')
    t.equal([row[0] for row in rows], [again, first])
    t.equal([row[19:22] for row in rows], [['night', first, 0], ['night', 0, again]])
    t.equal(c.call(SHOW, first)[0][0][19:22], ['night', 0, again])
    try:
        submit_as(c, shell('true'), group='not valid')
        t.fail('a group of that name was accepted')
    except RuntimeError as error:
        t.equal(error.args[0], 65)


def test_last_and_all_work_for_all_users_too(t):
    _, c = client(t)
    ids = c.submit(shell('true'), shell('true'), shell('true'))
    c.wait(ids)
    for flags in (0, 2):
        t.equal([row[0] for row in rows_of(c, 2, flags=flags)], [ids[2]])
        t.equal([row[0] for row in rows_of(c, 3, flags=flags)], [*reversed(ids)])


def test_missed_events_are_told_as_far_as_they_are_known(t):
    _, c = client(t)
    epoch, seq, missed, events = c.call(EVENTS, 0, 0)
    t.equal([seq, missed, events], [0, 0, []])
    ids = c.submit(shell('true'))
    c.wait(ids)
    _, last, missed, events = c.call(EVENTS, epoch, 0)
    t.equal([event[1] for event in events], [*range(1, last + 1)])
    t.equal(events[-1][3:8], [ids[0], 'default', SUCCEEDED, 1, 0])
    t.equal(missed, 0)
    t.equal(c.call(EVENTS, epoch, last - 1)[3], events[-1:])
    t.equal(c.call(EVENTS, epoch + 7, 5)[3], events)
    t.equal(c.call(EVENTS, 0, 0), [epoch, last, 0, []])


def test_progress_is_shown_while_the_task_runs(t):
    i, c = client(t)
    go = i.state / 'go'
    script = f'echo "42% resizing" >&$STINT_PROGRESS_FD; until [ -e {go} ]; do sleep 0.01; done'
    ids = c.submit(shell(script))
    t.until(lambda: running(c, ids[0])[PROGRESS] == 43, 'the progress is shown')
    t.equal(running(c, ids[0])[PROGRESS + 1], 'resizing')
    go.touch()
    c.wait(ids)
    t.equal(c.call(SHOW, ids[0])[0][0][PROGRESS:PROGRESS + 2], [0, ''])


def test_status_tells_rates(t):
    _, c = client(t)
    c.wait(c.submit(*[shell('true')] * 20))
    rates = c.call(STATUS, 0)[-1]
    t.equal([rate[0] for rate in rates], ['submitted', 'started', 'ended'])
    t.until(lambda: all(r[1] > 0 and r[2] > 0 for r in c.call(STATUS, 0)[-1]), 'rates')
