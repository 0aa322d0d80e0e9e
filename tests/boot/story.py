"""What a machine with stint lives through, in this order: each finds what those before it left.

bob is a member of group stint, mallory is not, alice has an instance of her own.
"""

import json
import re
import time

from machine import Failure, Impossible, until

UNITS = '/lib/systemd/system'
LAST = 'what_was_acknowledged_survives_a_power_cut'  # the guide is played before it


def equal(got, expected, what=''):
    if got != expected:
        raise Failure(f'{what}: got {got!r}, expected {expected!r}')


def contains(text, part):
    if part not in text:
        raise Failure(f'{part!r} is not in {text!r}')


def task(m, task_id):
    return json.loads(m.out('stint', 'show', '--json', task_id))['task']


def queue(m):
    return json.loads(m.out('stint', 'status', '--json'))['status']['queues'][0]


def submit(m, *arguments):
    return int(m.out('stint', 'submit', *arguments))


def runs(m, task_id):
    return until(lambda: task(m, task_id)['state'] == 'running', f'task {task_id} runs')


def ended(m, task_id):
    m.run('stint', 'wait', task_id, check=False)
    return task(m, task_id)


def status_has(m, part):
    """Waits until the status that systemctl shows has this part."""
    seen = []

    def there():
        seen[:] = [m.show('StatusText')]
        return part in seen[0]

    try:
        until(there, f'its status has {part!r}')
    except Failure as failure:
        raise Failure(f'{failure}; it is {seen[0]!r}') from None


def is_active(m, unit='stintd.service'):
    return m.run('systemctl', 'is-active', unit, check=False).stdout.strip() == 'active'


# ---- installed ----


def test_the_packages_install(m):
    for user, groups in ('alice', ''), ('mallory', ''):
        m.run('useradd', '-m', *(['-G', groups] if groups else []), user)
    (m.path / 'root/packages').mkdir()
    for package in m.packages:
        (m.path / 'root/packages' / package.name).write_bytes(package.read_bytes())
    m.shell('dpkg -i /root/packages/*.deb')
    m.run('useradd', '-m', '-G', 'stint', 'bob')
    m.run('systemctl', 'enable', '--now', 'stintd@alice')
    m.write('/etc/cron.d/alice', '* * * * * alice stint submit touch /home/alice/cron\n')
    equal(is_active(m), True, 'the service runs')
    equal(m.shell('stat -c "%U %a" /var/lib/stint').stdout.strip(), 'stint 700')


def test_systemd_has_nothing_to_say_about_the_units(m):
    for unit in 'stintd.service', 'stintd.socket', 'stintd@alice.service':
        done = m.run('systemd-analyze', 'verify', '--man=no', unit)
        equal(done.stdout + done.stderr, '', unit)
    for unit in 'stintd.service', 'stintd.socket':
        done = m.shell(f'XDG_RUNTIME_DIR=/tmp systemd-analyze --user verify --man=no {unit}')
        equal(done.stdout + done.stderr, '', f'{unit} of users')


# ---- used ----


def test_the_first_client_starts_it(m):
    m.run('systemctl', 'stop', 'stintd.service')
    equal(is_active(m), False, 'it is stopped')
    equal(m.as_user('bob', 'cd / && stint --system run echo hello').stdout, 'hello\n')
    equal(is_active(m), True, 'it runs')


def test_its_status_tells_what_it_does(m):
    gate = submit(m, 'sleep', '1000')
    runs(m, gate)
    submit(m, '--delay', '1d', 'true')
    status_has(m, f'1 running, 1 waiting, {m.cpus()}/{m.cpus()} workers')
    m.run('stint', 'cancel', 'all')


def test_members_may_and_strangers_may_not(m):
    contains(m.as_user('bob', 'cd / && stint --system run id -un').stdout, 'stint')
    done = m.as_user('mallory', 'cd / && stint --system submit true', check=False)
    equal(done.returncode, 77)
    contains(done.stderr, 'join its group')
    equal(m.out('stint', 'run', 'id', '-un'), 'stint', 'root uses the same instance')
    done = m.as_user('bob', 'stint --system reload', check=False)
    equal(done.returncode, 77, 'who may submit may not reload')


def test_the_journal_tells_the_story_of_a_task(m):
    failed = submit(m, 'sh', '-c', 'exit 3')
    ended(m, failed)
    story = until(
        lambda: 'failed' in (lines := m.journal(f'STINT_TASK={failed}')) and lines, 'its story'
    )
    contains(story, f'task {failed} is running')
    contains(story, f'task {failed} failed: exit code 3')


# ---- changed ----


def test_a_reload_says_whether_it_worked(m):
    m.write('/etc/stint/conf.d/mail.conf', 'queues: ( { name = "mail"; } );\n'
            'pools: ( { name = "mail"; queues = ["mail"]; workers = 1; } );\n')  # fmt: skip
    m.run('systemctl', 'reload', 'stintd')
    equal(m.out('stint', 'run', '-q', 'mail', 'echo', 'sent'), 'sent')
    m.write('/etc/stint/conf.d/mail.conf', 'queues: ( { name = "mail"; colour = 3; } );\n')
    done = m.run('systemctl', 'reload', 'stintd', check=False)
    equal(done.returncode, 1)
    contains(m.journal('-u', 'stintd', '-n', '20'), 'mail.conf:1')
    equal(m.out('stint', 'run', '-q', 'mail', 'echo', 'sent'), 'sent', 'the old one is in force')
    m.file('/etc/stint/conf.d/mail.conf').unlink()
    m.run('systemctl', 'reload', 'stintd')
    equal(m.run('stint', 'submit', '-q', 'mail', 'true', check=False).returncode, 65)


def test_a_reload_under_load_loses_nothing(m):
    load = 'seq 400 | stint map --no-progress -j 8 sh -c "echo {}"'
    done = m.shell(
        f'({load}) > /root/load & for i in 1 2 3 4 5; do systemctl reload stintd; done; wait'
    )
    equal(done.returncode, 0, done.stderr)
    equal(m.file('/root/load').read_text().split(), [str(n) for n in range(1, 401)])


def exposure(m):
    said = m.out('systemd-analyze', 'security', '--no-pager', 'stintd.service')
    return float(re.search(r'exposure level for stintd.service: ([0-9.]+)', said).group(1))


def test_an_instance_of_handlers_can_be_strict(m):
    usual = exposure(m)
    drop_in = '/etc/systemd/system/stintd.service.d/strict.conf'
    m.write(drop_in, m.file('/usr/share/doc/stint/examples/strict.conf').read_text())
    pool = 'name = "mirror"; queues = ["mirror"]; handler = "echo";'
    m.write('/etc/stint/conf.d/strict.conf', 'queues: ( { name = "mirror"; } );\n'
            f'pools: ( {{ {pool} }} );\n')  # fmt: skip
    m.shell('systemctl daemon-reload && systemctl restart stintd')
    equal(m.out('stint', 'call', '--wait', 'mirror', 'hello'), 'hello')
    m.run('systemctl', 'reload', 'stintd')
    old = m.dispatcher()
    for pid in [*m.workers(), old]:
        m.kill('KILL', pid)
    until(lambda: m.dispatcher() != old, 'a new dispatcher runs')
    equal(m.as_user('bob', 'stint --system call --wait mirror again').stdout, 'again')
    equal(is_active(m), True, 'it runs')
    strict = exposure(m)
    if not strict < usual / 2:
        raise Failure(f'its exposure is {strict}, and {usual} without it')
    for path in drop_in, '/etc/stint/conf.d/strict.conf':
        m.file(path).unlink()
    m.shell('systemctl daemon-reload && systemctl restart stintd')


# ---- killed ----


def test_a_killed_dispatcher_is_only_a_pause(m):
    sleeper = submit(m, 'sh', '-c', 'sleep 3; echo done')
    runs(m, sleeper)
    main, old = m.main_pid(), m.dispatcher()
    m.kill('KILL', old)
    until(lambda: m.dispatcher() != old, 'a new one runs')
    equal(ended(m, sleeper)['attempt'], 1, 'its task went on')
    equal(m.main_pid(), main)


def test_a_killed_worker_is_replaced(m):
    sleeper = submit(m, 'sh', '-c', 'sleep 1; echo done')
    runs(m, sleeper)
    busy = [worker for worker in m.workers() if m.below(worker)]
    equal(len(busy), 1, 'one worker is busy')
    m.kill('KILL', busy[0])
    end = ended(m, sleeper)
    equal((end['state'], end['attempt']), ('succeeded', 2))
    until(lambda: len(m.workers()) == m.cpus(), 'another one runs')
    equal(busy[0] in m.workers(), False, 'it is not the same')


def test_a_killed_supervisor_is_started_again(m):
    sleeper = submit(m, 'sh', '-c', 'sleep 1; echo done')
    runs(m, sleeper)
    old = m.main_pid()
    m.kill('KILL', old)
    until(lambda: m.main_pid() not in (0, old) and is_active(m), 'the service runs again')
    equal(ended(m, sleeper)['state'], 'succeeded')


def test_a_stopped_dispatcher_is_replaced(m):
    old = m.dispatcher()
    m.kill('STOP', old)
    until(lambda: m.dispatcher() != old, 'a new one runs')
    equal(m.out('stint', 'run', 'echo', 'here'), 'here')


def test_a_stopped_supervisor_is_restarted_by_the_watchdog(m):
    m.write('/etc/systemd/system/stintd.service.d/test.conf', '[Service]\nWatchdogSec=3s\n')
    m.shell('systemctl daemon-reload && systemctl restart stintd')
    sleeper = submit(m, 'sh', '-c', 'sleep 1; echo done')
    old = m.main_pid()
    m.kill('STOP', old)
    until(lambda: m.main_pid() not in (0, old) and is_active(m), 'the service runs again')
    contains(m.journal('-u', 'stintd', '-n', '50'), 'Watchdog timeout')
    equal(ended(m, sleeper)['state'], 'succeeded')
    m.file('/etc/systemd/system/stintd.service.d/test.conf').unlink()
    m.shell('systemctl daemon-reload && systemctl restart stintd')


def test_a_task_that_takes_all_memory_ends_alone(m):
    main, dispatcher = m.main_pid(), m.dispatcher()
    with m.limited_memory('stintd.service', 300 << 20):
        sleeper = submit(m, 'sleep', '1')
        runs(m, sleeper)
        eater = submit(m, 'tail', '/dev/zero')  # keeps what has no end of line
        end = ended(m, eater)
        equal((end['state'], end['reason'], end['code']), ('failed', 'signal', 9))
        equal(ended(m, sleeper)['state'], 'succeeded')
        equal(m.out('stint', 'run', 'echo', 'goes on'), 'goes on')
    equal((m.main_pid(), m.dispatcher()), (main, dispatcher), 'the service goes on')


# ---- stopped ----


def test_a_stop_ends_tasks_in_order_and_they_run_again(m):
    m.write('/etc/stint/conf.d/stop.conf', 'daemon: { stop_timeout = "500ms"; };\n')
    m.run('systemctl', 'reload', 'stintd')
    line = 'trap "echo term >> SAID" TERM; echo begun >> SAID; while :; do sleep 1; done'
    stubborn = submit(m, '--grace', '500ms', '--retries', '1', 'sh', '-c',
                      line.replace('SAID', '/var/lib/stint/said'))  # fmt: skip
    runs(m, stubborn)
    until(lambda: m.file('/var/lib/stint/said').exists(), 'it has begun')
    m.run('systemctl', 'stop', 'stintd')
    equal(m.file('/var/lib/stint/said').read_text().split(), ['begun', 'term'])
    m.run('systemctl', 'start', 'stintd')
    runs(m, stubborn)
    first = task(m, stubborn)['attempts'][0]
    equal(first['state'], 'interrupted', 'it does not count as a retry')
    m.run('stint', 'cancel', '--signal', 'KILL', stubborn)
    equal(ended(m, stubborn)['state'], 'cancelled')
    m.file('/etc/stint/conf.d/stop.conf').unlink()
    m.run('systemctl', 'reload', 'stintd')


def test_a_stop_may_take_longer_than_the_unit_says(m):
    m.write('/etc/systemd/system/stintd.service.d/test.conf', '[Service]\nTimeoutStopSec=1s\n')
    m.write('/etc/stint/conf.d/stop.conf', 'daemon: { stop_timeout = "1h"; };\n')
    m.shell('systemctl daemon-reload && systemctl reload stintd')
    whole = submit(m, 'sleep', '5')
    runs(m, whole)
    m.run('systemctl', 'stop', 'stintd')
    equal(m.show('Result'), 'success', 'nothing was cut off')
    m.write('/etc/stint/conf.d/stop.conf', 'daemon: { stop_timeout = "0s"; };\n')
    m.run('systemctl', 'start', 'stintd')
    end = task(m, whole)
    equal((end['state'], end['attempt']), ('succeeded', 1), 'it had its time')
    line = 'trap "sleep 4; exit 0" TERM; echo begun; while :; do sleep 0.1; done'
    graceful = submit(m, '--grace', '1h', 'sh', '-c', line)
    until(lambda: m.out('stint', 'logs', graceful) == 'begun', 'it has begun')
    m.run('systemctl', 'stop', 'stintd')
    equal(m.show('Result'), 'success', 'nothing was cut off')
    m.file('/etc/stint/conf.d/stop.conf').unlink()
    m.file('/etc/systemd/system/stintd.service.d/test.conf').unlink()
    m.shell('systemctl daemon-reload && systemctl start stintd')
    attempt = task(m, graceful)['attempts'][0]
    equal(attempt['state'], 'interrupted', json.dumps(attempt))
    m.run('stint', 'cancel', '--signal', 'KILL', graceful)


def test_a_restart_keeps_a_backlog_of_100_000(m):
    m.write('/etc/stint/conf.d/stop.conf', 'daemon: { stop_timeout = "100ms"; };\n')
    m.run('systemctl', 'reload', 'stintd')
    sleepers = [submit(m, 'sleep', '1000') for _ in range(m.cpus())]
    for sleeper in sleepers:
        runs(m, sleeper)
    m.shell('stint-bench --command -c 1 -n 100000 -w 100000 >/dev/null 2>&1 & echo $! > /root/pid')
    status_has(m, ' 100000 waiting')
    m.shell('kill -KILL $(cat /root/pid)')
    m.run('systemctl', 'restart', 'stintd')
    until(lambda: queue(m)['running'] == m.cpus(), 'tasks run again')
    known = queue(m)  # a worker that was first may have had some before the sleepers came
    equal(known['ready'] + known['running'] + known['succeeded'], 100000 + len(sleepers))
    m.run('stint', 'cancel', 'all')
    status_has(m, '0 running, 0 waiting')
    equal(m.out('stint', 'run', 'echo', 'here'), 'here')
    m.file('/etc/stint/conf.d/stop.conf').unlink()
    m.run('systemctl', 'reload', 'stintd')


# ---- upgraded ----


def test_an_upgrade_while_tasks_run_loses_none(m):
    m.write('/root/upgrade', '''
set -e
cd /root && mkdir new
for package in packages/*.deb; do
        dpkg-deb -R "$package" unpacked
        sed -i -e 's/^Version: .*/&+next/' -e 's/(= [^)]*/&+next/' unpacked/DEBIAN/control
        dpkg-deb -Znone -b unpacked new/ >/dev/null
        rm -r unpacked
done
''', 0o755)  # fmt: skip
    m.run('sh', '/root/upgrade')
    main, old = m.main_pid(), m.dispatcher()
    sleeper = submit(m, 'sh', '-c', 'sleep 5; echo done')
    runs(m, sleeper)
    load = 'seq 300 | stint map --no-progress -j 4 sh -c "sleep 0.01; echo {}"'
    done = m.shell(f'({load}) > /root/load & dpkg -i /root/new/*.deb; wait')
    equal(m.file('/root/load').read_text().split(), [str(n) for n in range(1, 301)], done.stderr)
    until(lambda: m.dispatcher() != old, 'a new dispatcher runs')
    equal(m.main_pid(), main, 'the service was not restarted')
    end = ended(m, sleeper)
    equal((end['state'], end['attempt']), ('succeeded', 1))


# ---- accounts ----


def test_an_account_has_the_same_instance_everywhere(m):
    equal(m.as_user('alice', 'stint run sh -c "id -un; pwd"').stdout, 'alice\n/home/alice\n')
    done = m.run('setpriv', '--reuid=alice', '--regid=alice', '--clear-groups', 'env',
                 'HOME=/home/alice', 'stint', 'ping')  # fmt: skip
    equal(done.returncode, 0, done.stderr)
    until(lambda: m.file('/home/alice/cron').exists(), 'cron has submitted it', 150)
    m.file('/etc/cron.d/alice').unlink()
    equal(m.run('test', '-e', '/tmp/stint-1000', check=False).returncode, 1, 'no second instance')


def test_a_user_manager_starts_it_for_the_first_client(m):
    uid = m.out('id', '-u', 'mallory')
    m.run('loginctl', 'enable-linger', 'mallory')
    until(lambda: is_active(m, f'user@{uid}.service'), 'the manager of mallory runs')
    environment = f'export XDG_RUNTIME_DIR=/run/user/{uid};'
    m.as_user('mallory', f'{environment} systemctl --user start stintd.socket')
    equal(m.as_user('mallory', f'{environment} stint run id -un').stdout, 'mallory\n')
    state = m.as_user('mallory', f'{environment} systemctl --user is-active stintd.service')
    equal(state.stdout, 'active\n')


# ---- the power ----


def test_what_was_acknowledged_survives_a_power_cut(m):
    m.write('/root/submit', 'while stint submit sh -c "sleep 0.01" >> /root/acked; do :; done\n')
    m.shell('sh /root/submit >/dev/null 2>&1 &')
    until(lambda: m.file('/root/acked').exists() and
          len(m.file('/root/acked').read_text().split()) >= 100, 'it is at work')  # fmt: skip
    m.cut()
    m.boot()
    acked = re.findall(r'^\d+$', m.file('/root/acked').read_text(), re.M)
    for first in range(0, len(acked), 50):
        some = ','.join(acked[first : first + 50])
        m.run('stint', 'wait', some)
        done = m.run('stint', 'list', '--json', '-n', '0', some)
        states = [t['state'] for t in json.loads(done.stdout)['tasks']]
        equal(states, ['succeeded'] * len(acked[first : first + 50]))


def test_a_poweroff_is_a_stop(m):
    sleeper = submit(m, 'sleep', '2')
    runs(m, sleeper)
    begin = time.time()
    m.power_off()
    m.boot()
    equal(is_active(m), True, 'it was started by the boot')
    end = ended(m, sleeper)
    equal(end['state'], 'succeeded', f'after {time.time() - begin:.0f} s')


# ---- removed ----


def test_a_purge_leaves_nothing(m):
    # What accounts run by themselves is theirs to stop.
    m.shell('systemctl stop "user@*" && dpkg -P stint libstint-dev libstint1')
    for path in '/var/lib/stint', '/etc/stint', '/run/stint', f'{UNITS}/stintd.service':
        equal(m.run('test', '-e', path, check=False).returncode, 1, path)
    equal(m.shell('ls /proc/*/exe -l 2>/dev/null | grep -c stint', check=False).stdout, '0\n')
