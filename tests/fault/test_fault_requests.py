"""What changes tasks that have ended, and the configuration, while dispatchers die: what was
acknowledged stays true, and what was asked for once is done once."""
import json

from faults import (CONFIG, ROUNDS, Load, Store, check_log, dice, dispatcher_killer,
                    kill_everything, wait_all_ended)

PART = 5


def parts_of(ids):
    ids = sorted(ids)
    return [ids[at:at + PART] for at in range(0, len(ids), PART)]


def ended_tasks(instance, count, *command):
    ids = Load(instance, count, *command).finish()
    wait_all_ended(instance, len(ids))
    return ids


def selector(ids):
    return ','.join(map(str, ids))


def test_purged_stays_purged_and_is_told_once(t):
    random = dice(t)
    i = t.instance(CONFIG % 2)
    killer = dispatcher_killer(i, random, (0, 100))
    kept, purged, n = set(), set(), 0
    while killer.strikes < 5 * ROUNDS or n < 2:
        n += 1
        ids = Load(i, 40, '/bin/true', name=f'acked{n}').finish()
        t.until(lambda: Store(i).unended() == 0, 'all have ended')
        for part in parts_of(ids)[::2]:
            told = json.loads(i.stint('purge', '--json', selector(part)).stdout)['purge']
            t.equal((told['purged'], told['unknown']), (PART, 0), 'what a purge was answered')
            purged |= set(part)
        kept |= ids - purged
    killer.stop(5 * ROUNDS)
    t.equal(Store(i).ids(), kept, 'what is stored')
    ids = ended_tasks(i, 20, '/bin/true')
    i.stint('purge', selector(ids))
    kill_everything(i)
    t.equal(Store(i).ids(), kept, 'what is stored after the death of all')
    i.start()
    t.contains(i.stint('show', str(max(ids)), check=65).stderr, 'there is no task')
    t.true(i.submit('true') > max(ids), 'an id is not given again')
    check_log(i)


def test_a_retry_is_made_once(t):
    random = dice(t)
    i = t.instance(CONFIG % 2)
    killer = dispatcher_killer(i, random, (0, 100))
    failed, new, n = set(), set(), 0
    while killer.strikes < 5 * ROUNDS or n < 2:
        n += 1
        ids = Load(i, 20, '/bin/false', name=f'acked{n}').finish()
        t.until(lambda: Store(i).unended() == 0, 'all have ended')
        for part in parts_of(ids):
            told = i.stint('retry', selector(part)).stdout.split()
            t.equal(len(told), PART, 'ids that a retry was answered')
            new |= set(map(int, told))
        failed |= ids
    killer.stop(5 * ROUNDS)
    again = dict(Store(i).rows('SELECT id, retry_of FROM task WHERE retry_of IS NOT NULL'))
    t.equal(sorted(again.values()), sorted(failed), 'each task is repeated once')
    t.equal(set(again), new, 'what was told and what was made')
    kill_everything(i)
    i.start()
    t.equal(json.loads(i.stint('show', '--json', str(min(failed))).stdout)['task']['retried_as'],
            next(new for new, old in again.items() if old == min(failed)))
    check_log(i)


def workers_wanted(instance):
    return instance.json('status')['status']['pools'][0]['wanted']


def test_an_acknowledged_reload_is_in_force(t):
    random = dice(t)
    i = t.instance(CONFIG % 1)
    killer = dispatcher_killer(i, random, (20, 200))
    n = 0
    while killer.strikes < 5 * ROUNDS or n < 5:
        n += 1
        wanted = 1 + n % 3
        i.config.write_text(CONFIG % wanted)
        i.stint('reload')
        t.equal(workers_wanted(i), wanted, 'workers that are wanted after a reload')
    killer.stop(5 * ROUNDS)
    t.until(lambda: len(i.workers()) == wanted, 'the last configuration is in force')
    check_log(i)
