"""The scenes of docs/operations.md, by the title of their section: what is there when it begins,
which fault is made between its blocks, and what must have come of it. See guide.py."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from machine import Failure, until
from story import contains, ended, equal, is_active, runs, status_has, submit, task

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = 'stintd.socket', 'stintd.service'
MAIL = '/etc/stint/conf.d/mail.conf'
BACKUP = '/var/backups/stint/monday'
SCENES = {}


def scene(title):
    def add(function):
        SCENES[title] = function
        return function

    return add


def status(m):
    return json.loads(m.out('stint', 'status', '--json'))['status']


def answers(m):
    return m.run('stint', 'ping', check=False).returncode == 0


def mail(m, queue='', workers=1):
    pool = f'name = "mail"; queues = ["mail"]; workers = {workers};'
    m.write(MAIL, f'queues: ( {{ name = "mail"; {queue} }} );\npools: ( {{ {pool} }} );\n')
    m.run('systemctl', 'reload', 'stintd')


def no_mail(m):
    m.file(MAIL).unlink(missing_ok=True)
    m.run('systemctl', 'reload', 'stintd')


def list_ids(m, *selection):
    done = m.out('stint', 'list', '--json', '-n', '0', *selection)
    return {t['id']: t for t in json.loads(done)['tasks']}


# ---- setting up ----


@scene('Packages')
def packages(m):
    m.shell('dpkg -i /root/packages/*.deb')  # the versions that there are, whatever came since
    yield
    equal(is_active(m), True)


@scene('From source')
def from_source(m):
    """Built on this host, into a directory: what it installs is what the packages have. Nothing of
    it is run, so it is not optimised, which halves the time."""
    yield from_source_here
    yield
    equal(is_active(m), True)


def from_source_here(m, block):
    work = pathlib.Path(tempfile.mkdtemp(prefix='source-', dir=m.path.parent))
    try:
        archive = subprocess.run(['git', 'archive', 'HEAD'], cwd=ROOT, stdout=subprocess.PIPE,
                                 check=True).stdout  # fmt: skip
        subprocess.run(['tar', '-x', '-C', work], input=archive, check=True)
        for command in block:
            done = subprocess.run(['sh', '-c', command.line], cwd=work, capture_output=True,
                                  text=True, check=False, stdin=subprocess.DEVNULL,
                                  env={**os.environ, 'CFLAGS': '-O0',
                                       'DESTDIR': str(work / 'root')})  # fmt: skip
            if done.returncode:
                raise Failure(f'{command.line}\nends with {done.returncode}: {done.stdout}')
        for unit in 'system/stintd.service', 'system/stintd.socket', 'user/stintd.service':
            made = (work / 'root/usr/lib/systemd' / unit).read_text()
            own = '/lib/systemd' if unit.startswith('system') else '/usr/lib/systemd'
            equal(made, m.file(f'{own}/{unit}').read_text(), unit)
        for path in 'usr/bin/stint', 'etc/stint/stintd.conf', 'usr/share/man/man1/stint.1':
            equal((work / 'root' / path).is_file(), True, path)
    finally:
        shutil.rmtree(work)
    return ''


@scene('First service')
def first_service(m):
    yield
    m.run('systemctl', 'stop', 'stintd.service')
    equal(is_active(m), False)
    yield
    equal(is_active(m), True, 'the first client has started it')
    others = submit(m, '--delay', '1d', 'true')
    for command in 'show', 'logs', 'cancel':
        done = m.as_user('bob', f'cd /; stint --system {command} {others}', check=False)
        equal(done.returncode in (65, 77), True, f'{command} of a task of somebody else')
    m.run('stint', 'cancel', others)
    yield


@scene('Several accounts')
def several_accounts(m):
    yield
    yield
    uid = m.out('id', '-u', 'alice')
    equal(is_active(m, f'user@{uid}.service'), True)
    m.as_user('alice', f'export XDG_RUNTIME_DIR=/run/user/{uid};'
              ' systemctl --user disable --now stintd.socket stintd.service')
    m.run('loginctl', 'disable-linger', 'alice')


@scene('Configuration')
def configuration(m):
    yield
    no_mail(m)


# ---- looking after it ----


@scene('What to watch')
def what_to_watch(m):
    yield
    check = '/usr/share/doc/stint/examples/check-stint'
    mail(m, 'max_waiting = 10;')
    for _ in range(10):
        submit(m, '-q', 'mail', 'sleep', '1000')
    until(lambda: len(list_ids(m, 'running')) == 1, 'one of them runs')
    done = m.run(check, '--system', check=False)
    equal((done.returncode, done.stdout), (1, 'WARNING: queue mail: 9 of 10 wait\n'))
    m.run('stint', 'cancel', 'queue:mail')
    no_mail(m)
    m.run('systemctl', 'stop', *UNITS)
    equal(m.run(check, '--system', check=False).returncode, 2)
    m.run('systemctl', 'start', *UNITS)


@scene('Back up')
def back_up(m):
    """Under load: what was acknowledged before the backup is in it, outputs in files, too."""
    m.shell('rm -rf /var/backups/stint')
    big = submit(m, '--name', 'big', 'sh', '-c', 'head -c 300000 /dev/zero | tr "\\0" x')
    ended(m, big)
    submit(m, '--name', 'report', '--delay', '1d', 'echo', 'from the backup')
    submit(m, '--name', 'pay', '--delay', '1d', 'echo', 'paid twice')
    m.write('/root/backing', 'while stint submit true >>/root/backed; do :; done\n')
    m.shell('rm -f /root/backed; sh /root/backing >/dev/null 2>&1 & echo $! >/root/backing.pid')
    until(lambda: m.file('/root/backed').exists() and m.file('/root/backed').stat().st_size > 100,
          'it is at work')  # fmt: skip
    before = m.file('/root/backed').read_text().split()
    yield
    m.shell('kill $(cat /root/backing.pid)')
    known = m.shell(f'sqlite3 {BACKUP}/stint.db "SELECT id FROM tasks"').stdout.split()
    equal(set(before) - set(known), set(), 'acknowledged before it, and not in it')
    equal(m.shell(f'find {BACKUP}/output -type f | wc -l').stdout.strip() != '0', True)


@scene('Restore')
def restore(m):
    """Right behind "Back up": a task ends and others come after it; then the backup comes back."""
    until(lambda: not list_ids(m, '-s', 'running,ready'), 'the load has ended')
    old = {t['name']: i for i, t in list_ids(m).items() if t['name']}
    later = submit(m, '--delay', '1d', '--name', 'later', 'true')
    m.shell(f'stint wait {later} >/root/waiter 2>&1 &')
    yield
    contains((yield), 'paid twice')
    until(lambda: answers(m), 'it answers')
    until(lambda: f'there is no task {later}' in m.file('/root/waiter').read_text(),
          'who waits for a task of later is told')  # fmt: skip
    equal(task(m, old['pay'])['state'], 'cancelled')
    equal(task(m, old['report'])['state'], 'delayed')
    equal(len(m.run('stint', 'logs', old['big']).stdout), 300000, 'output in a file')
    equal(submit(m, 'true') > later + 100000, True, 'no id is given twice')
    m.run('stint', 'cancel', 'all')
    m.shell('rm -rf /var/lib/stint.old')


@scene('Move to another machine')
def move(m):
    """The other machine: the same one, without state, and with another account of that name."""
    waiting = submit(m, '--delay', '1d', 'true')
    running = submit(m, 'sh', '-c', 'sleep 2; echo moved')
    runs(m, running)
    mail(m)
    yield
    m.shell('rm -rf /var/lib/stint /etc/stint/conf.d/mail.conf')
    m.shell('install -d -m 700 /var/lib/stint && touch /var/lib/stint/of-another')
    yield
    equal(task(m, waiting)['state'], 'delayed')
    equal(ended(m, running)['state'], 'succeeded')
    equal(m.run('stint', 'logs', running).stdout, 'moved\n')
    equal(m.file(MAIL).exists(), True, 'its configuration came, too')
    equal(submit(m, 'true'), running + 1, 'ids go on')
    m.run('stint', 'cancel', waiting)
    no_mail(m)


@scene('Upgrade')
def upgrade(m):
    main, sleeper = m.main_pid(), submit(m, 'sh', '-c', 'sleep 3; echo done')
    runs(m, sleeper)
    yield
    equal(m.main_pid(), main, 'the service was not restarted')
    equal(ended(m, sleeper)['attempt'], 1)


# ---- when something is wrong ----


@scene('The service does not start')
def does_not_start(m):
    m.run('systemctl', 'stop', 'stintd.service')
    m.write(MAIL, 'queues: ( { name = "mail"; max_waitin = 7; } );\n'
            'pools: ( { name = "mail"; queues = ["mail"]; } );\n')  # fmt: skip
    equal(m.run('systemctl', 'start', 'stintd.service', check=False).returncode, 1)
    equal(m.show('NRestarts'), '0', 'systemd does not try again')
    for _ in range(5):
        m.run('systemctl', 'start', 'stintd.service', check=False)
    yield
    m.file(MAIL).unlink()
    yield
    equal(is_active(m), True)


@scene('A reload is refused')
def reload_refused(m):
    m.write(MAIL, 'queues: ( { name = "mail"; max_waiting = "many"; } );\n'
            'pools: ( { name = "mail"; queues = ["mail"]; } );\n')  # fmt: skip
    equal(m.run('systemctl', 'reload', 'stintd', check=False).returncode, 1)
    yield
    equal(m.out('stint', 'run', 'echo', 'here'), 'here', 'the old one is in force')
    no_mail(m)


@scene('The disk is full')
def disk_full(m):
    m.run('systemctl', 'stop', *UNITS)
    m.shell('mv /var/lib/stint /var/lib/stint.kept && install -d /var/lib/stint &&'
            ' mount -t tmpfs -o size=100M,mode=700,uid=$(id -u stint),gid=$(id -g stint)'
            ' stint-small /var/lib/stint')  # fmt: skip
    m.run('systemctl', 'start', *UNITS)
    running = submit(m, 'sh', '-c', 'until [ -e /var/lib/stint/go ]; do sleep 0.1; done; echo done')
    runs(m, running)
    m.shell('head -c 60M /dev/zero >/var/lib/stint/big')
    done = until(lambda: (d := m.run('stint', 'submit', 'true', check=False)).returncode and d,
                 'submits are refused')  # fmt: skip
    equal(done.returncode, 75)
    contains(done.stderr, 'nearly full')
    yield
    status_has(m, 'nearly full')
    m.shell('touch /var/lib/stint/go')
    equal(ended(m, running)['state'], 'succeeded', 'what runs can end')
    yield
    m.shell('rm /var/lib/stint/big')
    until(lambda: m.run('stint', 'submit', 'true', check=False).returncode == 0, 'accepted again')
    yield
    equal(m.out('stint', 'run', 'echo', 'here'), 'here')
    m.run('systemctl', 'stop', *UNITS)
    m.shell('cd /var/lib; umount stint && rmdir stint && mv stint.kept stint')
    m.run('systemctl', 'start', *UNITS)


@scene('A queue stands still')
def queue_stands(m):
    mail(m)
    gate = submit(m, '-q', 'mail', 'sleep', '1000')
    runs(m, gate)
    stuck = [submit(m, '-q', 'mail', 'true') for _ in range(3)]
    no_mail(m)
    m.run('stint', 'cancel', gate)
    m.run('stint', 'wait', gate, check=False)
    yield
    done = m.run('/usr/share/doc/stint/examples/check-stint', '--system', check=False)
    equal((done.returncode, done.stdout),
          (2, 'CRITICAL: queue mail: 3 wait, and no pool serves it\n'))  # fmt: skip
    yield
    equal([ended(m, i)['state'] for i in stuck], ['succeeded'] * 3)
    no_mail(m)


@scene('Too many tasks wait')
def too_many(m):
    mail(m, 'max_waiting = 2;')
    runs(m, submit(m, '-q', 'mail', 'sleep', '1000'))
    for _ in range(2):
        submit(m, '-q', 'mail', '-N', 'newsletter', 'sleep', '1000')
    done = m.run('stint', 'submit', '-q', 'mail', 'true', check=False)
    equal(done.returncode, 75)
    contains(done.stderr, "queue 'mail' is full: 2 tasks wait; try again later")
    yield
    m.run('stint', 'cancel', 'queue:mail')
    no_mail(m)


@scene('A worker dies again and again')
def worker_dies(m):
    poison = submit(m, '--name', 'poison', 'sh', '-c', 'kill -KILL $PPID')
    equal(ended(m, poison)['reason'], 'worker lost')
    told = m.out('stint', 'show', poison)
    equal(re.findall(r'\d+d\S* wall', told), [], 'it did not run for days')
    yield
    until(lambda: status(m)['pools'][0]['workers'] == status(m)['pools'][0]['wanted'], 'replaced')


@scene('A task cannot be killed')
def cannot_be_killed(m):
    line = 'trap "" TERM; while :; do sleep 1; done'
    runs(m, submit(m, '--name', 'stubborn', 'sh', '-c', line))
    yield


@scene('The database is damaged')
def damaged(m):
    """The page with the ends of the latest tasks is overwritten: recovery cannot do without it."""
    m.shell('seq 300 | stint map --no-progress echo')
    kept = submit(m, '--delay', '1d', '--name', 'kept', 'true')
    m.run('systemctl', 'stop', *UNITS)
    database = '/var/lib/stint/stint.db'
    page = m.out('sqlite3', database, "SELECT pageno FROM dbstat WHERE name = 'task_end' AND"
                 " pagetype = 'leaf' ORDER BY path DESC LIMIT 1")  # fmt: skip
    count = m.out('sqlite3', database, 'SELECT count(*) FROM task')
    m.shell(f'head -c 4096 /dev/urandom | dd of={database} bs=4096 seek={int(page) - 1}'
            ' conv=notrunc status=none')  # fmt: skip
    m.shell('systemctl start stintd.socket stintd.service', check=False)
    until(lambda: m.show('Result') == 'exit-code', 'it has failed')
    equal((m.show('ExecMainStatus'), m.show('NRestarts')), ('65', '0'))
    yield
    yield
    equal(task(m, kept)['state'], 'delayed')
    equal(m.out('sqlite3', '-readonly', database, 'SELECT count(*) FROM task'), count)
    m.run('stint', 'cancel', 'all')
    m.shell('rm -rf /var/lib/stint.damaged')


@scene('The clock jumped')
def clock(m):
    submit(m, '--name', 'late', '--at', '2035-01-01', 'true')
    yield


@scene('The control socket is gone')
def socket_gone(m):
    m.shell('rm /run/stint/control.sock')
    equal(m.run('stint', 'ping', check=False).returncode, 69)
    equal(is_active(m), True)
    yield


@scene('Permission denied')
def permission(m):
    m.run('systemctl', 'stop', 'stintd.service')
    m.shell('chown root /var/lib/stint/stint.db')
    m.run('systemctl', 'start', 'stintd.service', check=False)
    contains(m.journal('-u', 'stintd', '-n', '20'), 'make it and /var/lib/stint writable')
    yield
