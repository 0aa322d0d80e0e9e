"""Dispatchers and workers die at random moments: nothing acknowledged is lost, nothing runs twice
that need not, and never two runs of one task at once."""
import signal

import harness
from faults import (CONFIG, ROUNDS, Load, Marks, Store, check_log, dice, dispatcher_killer,
                    kill_everything, load_under, staller, strike, wait_all_ended, worker_killer)

CREDIT = 16  # runs at one command worker, dispatcher/core-config.c


def test_2000_tasks_with_a_dispatcher_killed_at_random_each_run_once(t):
    random = dice(t)
    i = t.instance(CONFIG % 2)
    marks = Marks(i)
    killer = dispatcher_killer(i, random, (0, 150))
    ids, store = load_under(i, [killer], 5, 2000 * ROUNDS, *marks.command(1),
                            batch=10, window=2)
    t.equal(store.ids(), ids, 'what is stored')
    marks.check_each_once(ids)
    t.equal({end[0] for end in store.ends().values()}, {'succeeded'})
    t.equal(store.rows('SELECT count(*) FROM attempt'), [(0,)], 'attempts that were made in vain')
    check_log(i)


def test_2000_tasks_with_workers_killed_at_random_are_all_done(t):
    random = dice(t)
    i = t.instance(CONFIG % 2)
    marks = Marks(i)
    killer = worker_killer(i, random, (20, 300))
    ids, store = load_under(i, [killer], 5, 2000 * ROUNDS, *marks.command(1),
                            batch=50)
    t.equal(store.ids(), ids, 'what is stored')
    marks.check()
    t.equal({end[0] for end in store.ends().values()}, {'succeeded'})
    t.equal({task for task, _, _, _ in marks.of('end')}, ids, 'tasks that came to their end')
    again = len(marks.of('start')) - len(ids)
    # What a worker had ended and not yet told dies with it, at most its credit.
    t.true(again <= killer.strikes * CREDIT,
           f'{again} more starts than tasks after {killer.strikes} deaths')
    check_log(i)


def test_at_most_once_never_starts_twice_whoever_dies(t):
    random = dice(t)
    i = t.instance(CONFIG % 2)
    marks = Marks(i)
    killers = [worker_killer(i, random, (50, 400)), dispatcher_killer(i, random, (20, 300))]
    ids, store = load_under(i, killers, 3, 600 * ROUNDS, *marks.command(1),
                            batch=20, at_most_once=1)
    kills = killers[0].strikes
    marks.check()
    started = [task for task, _, _, _ in marks.of('start')]
    t.equal(len(started), len(set(started)), 'tasks that started once')
    ends = store.ends()
    t.equal(set(ends), ids, 'what is stored')
    lost = [task for task, end in ends.items() if end[:2] == ('failed', 'worker lost')]
    done = [task for task, end in ends.items() if end[0] == 'succeeded']
    t.equal(len(lost) + len(done), len(ids), 'succeeded or worker lost')
    t.true(len(lost) <= kills, f'{len(lost)} tasks lost their worker, of which {kills} died')
    t.equal(set(done) - {task for task, _, _, _ in marks.of('end')}, set(),
            'succeeded without having run')
    check_log(i)


def test_a_stalling_worker_and_a_dispatcher_killed_every_few_msec(t):
    """The case in which a take-over without SYNC starts tasks twice."""
    random = dice(t)
    i = t.instance(CONFIG % 1)
    marks = Marks(i)
    faults = [staller(i, 20), dispatcher_killer(i, random, (3, 25))]
    ids, store = load_under(i, faults, 5, 200 * ROUNDS, *marks.command(0),
                            batch=10, window=2)
    t.equal(store.ids(), ids, 'what is stored')
    marks.check_each_once(ids)
    check_log(i)


def test_everything_killed_at_once_keeps_what_was_acknowledged(t):
    random = dice(t)
    i = t.instance(CONFIG % 2)
    marks = Marks(i)
    load = Load(i, 900 * ROUNDS, *marks.command(1), batch=5, window=2)
    for n in range(1, 3 * ROUNDS + 1):
        at = random.randrange(200 * n, 200 * n + 150)
        t.until(lambda: len(load.acked()) >= at, f'{at} tasks are acknowledged')
        acked = load.acked()
        kill_everything(i)
        t.equal(acked - Store(i).ids(), set(), 'acknowledged and not stored')
        i.start()
    ids = load.finish()
    store = wait_all_ended(i, len(ids))
    t.equal(store.ids(), ids, 'what is stored: every task once')
    marks.check()
    t.equal({task for task, _, _, _ in marks.of('end')}, ids, 'tasks that came to their end')


def test_kill_of_stintd_alone_ends_all_and_the_next_start_recovers(t):
    i = t.instance(CONFIG % 2)
    marks = Marks(i)
    ids = Load(i, 5, *marks.command(600000)).finish()
    t.until(lambda: len(marks.of('start')) == 2, 'two tasks run')
    first = marks.of('start')
    i.kill()
    i.start()
    t.equal([pid for _, _, _, pid in first if harness.alive(pid)], [], 'commands that live on')
    t.until(lambda: len(marks.of('start')) == 4, 'two tasks run')
    marks.check()
    t.equal(Store(i).ids(), ids)
    for pid in i.workers():
        t.equal(len(harness.children(pid)), 1, 'commands of a worker')


def test_a_client_killed_among_submits_loses_nothing_that_it_was_told(t):
    random = dice(t)
    i = t.instance(CONFIG % 1)
    told = set()
    for n in range(5 * ROUNDS):
        before = Store(i).ids()
        load = Load(i, 100000, '/bin/true', name=f'acked{n}', batch=10, window=2)
        at = random.randrange(1, 200)
        t.until(lambda: len(load.acked()) >= at, f'{at} tasks are acknowledged')
        acked = load.kill()
        told |= acked
        stored = Store(i).ids() - before
        t.equal(acked - stored, set(), 'acknowledged and not stored')
    # What was under way when a client died may still become a task, but no more than that.
    i.stint('ping')
    extra = Store(i).ids() - told
    t.true(len(extra) <= 5 * ROUNDS * 20, f'{len(extra)} tasks that no answer could be given for')
    i.stop()


def test_a_lost_run_begins_again_only_after_its_grandchildren_are_dead(t):
    i = t.instance(CONFIG % 1)
    marks = Marks(i)
    Load(i, 1, *marks.command(600000, 'child')).finish()
    for n in range(1, 3):
        t.until(lambda: len(marks.of('grandchild')) == n, 'a grandchild in its own session lives')
        pid = marks.of('grandchild')[-1][3]
        t.equal(strike(i.workers()[0], 'stint-worker'), True, 'a worker is killed')
        t.until(lambda: len(marks.of('start')) + len(marks.of('overlap')) == n + 1,
                'the task runs again')
        t.true(not harness.alive(pid), 'the grandchild of the lost run is dead')
    marks.check()


def test_a_stopped_dispatcher_is_replaced(t):
    i = t.instance(CONFIG % 1)
    pid = i.dispatcher()
    strike(pid, 'stint-dispatcher', signal.SIGSTOP)
    t.clean_up(lambda: strike(pid, 'stint-dispatcher', signal.SIGCONT))
    i.submit('true')
    wait_all_ended(i, 1)
    t.true(not harness.alive(pid), 'the stopped dispatcher is dead')
    check_log(i)
