"""New binaries and new configurations under load: no task is lost and none runs twice."""
import signal

from faults import (CONFIG, ROUNDS, Fault, Load, Marks, all_workers, check_log, dice,
                    dispatcher_killer, load_under, log_lines, wait_all_ended)

EXTRA = '''
daemon: { stop_timeout = "0s"; };
queues: ( { name = "default"; }, { name = "other"; } );
pools: ( { name = "default"; queues = ["default"]; workers = %d; },
         { name = "other"; queues = ["other", "default"]; workers = 1; } );
'''


def count_lines(instance, text):
    return sum(text in line for line in log_lines(instance))


def test_upgrades_under_load(t):
    i = t.instance(CONFIG % 2)
    marks = Marks(i)
    load = Load(i, 1000 * ROUNDS, *marks.command(1), batch=10, window=2)
    first = set(all_workers(i, 2))
    for n in range(1, 4):
        before = len(load.acked())
        i.daemon.send_signal(signal.SIGUSR2)
        t.until(lambda: count_lines(i, 'upgrade done') == n, 'the new dispatcher is ready')
        t.until(lambda: len(load.acked()) >= min(before + 50, 1000), 'submits go on')
    ids = load.finish()
    wait_all_ended(i, len(ids))
    marks.check_each_once(ids)
    t.until(lambda: len(i.workers()) == 2 and not first & set(i.workers()),
            'workers of the old binary are replaced')
    check_log(i)
    i.stop()


def test_reloads_under_load_while_dispatchers_die(t):
    random = dice(t)
    i = t.instance(CONFIG % 2)
    marks = Marks(i)

    def reload(wait):
        wait(random.uniform(0.02, 0.2))
        i.reload(random.choice([CONFIG, EXTRA]) % random.randint(1, 3))
        return 1

    faults = [Fault(t, reload), dispatcher_killer(i, random, (50, 400))]
    ids, _ = load_under(i, faults, 3, 800 * ROUNDS, *marks.command(1), batch=10, window=2)
    marks.check_each_once(ids)
    i.reload(EXTRA % 2)
    t.until(lambda: len(i.workers()) == 3, 'the last configuration is in force')
    check_log(i)
    i.stop()


def test_bad_configurations_under_load_change_nothing(t):
    i = t.instance(CONFIG % 1)
    marks = Marks(i)
    load = Load(i, 200, *marks.command(1), batch=10, window=2)
    workers = all_workers(i, 1)
    for n, bad in enumerate(['pools: (', 'no_such_key = 1;\n', 'pools: ( { name = "x"; } );\n'], 1):
        i.reload(bad)
        t.until(lambda: count_lines(i, 'stintd.conf:') >= n, 'it is refused, with the place')
    ids = load.finish()
    wait_all_ended(i, len(ids))
    marks.check_each_once(ids)
    t.equal(i.workers(), workers, 'workers')
