"""`wait`, `list`, `show`, `status`, `version`, `help`: what they choose, print and exit with."""
import json
import os
import signal

from harness import ONE_WORKER, PATIENCE

HOSTILE = 'a\x1b[31mred\x07\x9b\r\nb\t\u202e'


def submit_mixed(i):
    """Tasks 1 to 5: succeeded, failed with 3, killed, cancelled while it was delayed, delayed."""
    for words in (
        ['true'],
        ['sh', '-c', 'exit 3'],
        ['sh', '-c', 'kill -KILL $$'],
        ['--delay', '1d', 'true'],
        ['--delay', '2d', 'true'],
    ):
        i.submit(*words)
    i.stint('cancel', 4)
    for task in 1, 2, 3:
        i.ended(task)


def test_wait_exits_as_the_task_or_with_0_or_1(t):
    i = t.instance()
    submit_mixed(i)
    for selector, code in (
        ('1', 0),
        ('2', 3),
        ('3', 137),
        ('4', 143),
        ('1-3', 1),
        ('1,1', 0),
        ('succeeded', 0),
        ('2,4', 1),
    ):
        done = i.stint('wait', selector, check=code)
        t.equal((done.stdout, done.stderr), ('', ''), f'wait {selector}')
    i.stint('wait', 1, 2, check=1)
    t.equal(i.stint('wait', '--any', '1', '5').stdout, '1\n')
    t.contains(i.stint('wait', 99, check=65).stderr, '99')
    t.contains(i.stint('wait', '--timeout', '50ms', 5, check=124).stderr, 'timeout')
    i.stint('wait', '--timeout', '50ms', check=124)
    i.stint('cancel', 5)
    t.equal(i.stint('wait').stdout, '', 'nothing is left')


class Requests:
    """Counts the requests of others: `status` itself makes two, HELLO and STATUS."""

    def __init__(self, i):
        self.i, self.own = i, 0
        self.base = self.count()

    def count(self):
        self.own += 2
        return self.i.json('status')['status']['counters']['requests'] - self.own

    def come(self, number):
        self.i.test.until(
            lambda: self.count() >= self.base + number, f'{number} requests have come'
        )


def test_wait_blocks_until_the_end(t):
    i = t.instance(ONE_WORKER)
    gate = i.gate()
    i.submit(*gate.command)
    i.submit('sh', '-c', 'exit 7')
    gate.entered()
    requests = Requests(i)
    one, every, any_of = i.spawn('wait', 2), i.spawn('wait'), i.spawn('wait', '--any', '1-2')
    requests.come(2 + 3 + 3)  # HELLO and WAIT; HELLO, LIST and WAIT
    t.equal([process.poll() for process in (one, every, any_of)], [None] * 3)
    gate.open()
    t.equal([process.wait(PATIENCE) for process in (one, every, any_of)], [7, 1, 0])
    t.equal(any_of.stdout.read(), b'1\n')
    late = i.submit('--delay', '1d', 'true')
    requests = Requests(i)
    patient = i.spawn('wait', late)
    requests.come(2)
    patient.send_signal(signal.SIGINT)
    patient.wait(PATIENCE)
    t.equal(i.task(late)['state'], 'delayed', 'who waits no longer changes nothing')


def test_json_of_wait(t):
    i = t.instance()
    submit_mixed(i)
    told = i.json('wait', '1-3', check=1)
    t.equal(told['schema'], 1)
    t.equal(
        sorted((row['id'], row['state'], row['reason'], row['code']) for row in told['tasks']),
        [
            (1, 'succeeded', 'exit code', 0),
            (2, 'failed', 'exit code', 3),
            (3, 'failed', 'signal', 9),
        ],
    )


def listed(i, *arguments):
    return [row['id'] for row in i.json('list', *arguments)['tasks']]


def test_list_selects(t):
    i = t.instance()
    submit_mixed(i)
    i.submit('-N', 'named', '-l', 'host=web1', '--delay', '1d', 'true')
    for arguments, ids in (
        ((), [6, 5, 4, 3, 2, 1]),
        (['all'], [6, 5, 4, 3, 2, 1]),
        (['2-4'], [4, 3, 2]),
        (['1,3,6'], [6, 3, 1]),
        (['last'], [6]),
        (['failed'], [3, 2]),
        (['--state', 'failed,cancelled'], [4, 3, 2]),
        (['-n', '2'], [6, 5]),
        (['-n', '0'], [6, 5, 4, 3, 2, 1]),
        (['name:named'], [6]),
        (['label:host=web1'], [6]),
        (['name:none'], []),
        (['-q', 'default', '-n', '1'], [6]),
        (['queue:default', '-s', 'delayed'], [6, 5]),
        (['1-3', '2-5', '-s', 'failed'], [3, 2]),
        (['running'], []),
        (['delayed', 'succeeded'], [6, 5, 1]),
    ):
        t.equal(listed(i, *arguments), ids, f'list {arguments}')
    i.stint('list', 99, check=65)
    t.contains(i.stint('list', 'faild', check=64).stderr, 'failed')
    for words in (
        ['x'],
        ['7-3'],
        ['0'],
        ['name:'],
        ['label:x'],
        ['--state', 'done'],
        ['-n', 'x'],
        ['1,'],
    ):
        i.stint('list', *words, check=64)


def test_list_goes_through_many_pages(t):
    i = t.instance(
        'queues: ({ name = "default"; }, { name = "m"; });\npools: ({ name = "d"; queues ='
        ' ["default"]; workers = 1; },\n{ name = "m"; queues = ["m"]; handler = "noop"; workers ='
        ' 1; });\n'
    )
    count = 60
    for _ in range(count):
        i.stint('call', 'm', 'x')
    t.equal(i.stint('wait', f'1-{count}').returncode, 0)
    table = i.stint('list')
    t.equal(table.stdout.count('\n'), 51, 'fifty and the head')
    t.contains(table.stderr, '50')
    t.equal(listed(i, '-n', 0), list(range(count, 0, -1)))
    t.equal(i.json('list', '-n', 3)['more'], True)


def test_json_of_a_task(t):
    i = t.instance()
    task = i.submit(
        '-N',
        'n',
        '--retries',
        1,
        '--backoff',
        '1ms',
        '--timeout',
        '1h',
        '--env',
        'none',
        '--env',
        'A=b',
        'sh',
        '-c',
        'echo out; exit 2',
    )
    row = i.ended(task)
    t.equal(i.json('list')['schema'], 1)
    t.equal(
        (
            row['id'],
            row['state'],
            row['reason'],
            row['code'],
            row['attempt'],
            row['uid'],
            row['kind'],
        ),
        (task, 'failed', 'exit code', 2, 2, os.geteuid(), 'command'),
    )
    t.true(row['submitted_usec'] <= row['started_usec'] <= row['ended_usec'], 'times are in order')
    shown = i.json('show', task)
    t.equal(shown['schema'], 1)
    text = json.dumps(shown)
    for part in '"attempts"', '"argv"', '"exit 2"'[:5], str(os.getcwd()), 'A=b':
        t.contains(text, part)
    plain = i.stint('show', task).stdout
    for part in 'failed', 'exit code 2', 'echo out', 'default', '1h':
        t.contains(plain, part)
    i.stint('show', 99, check=65)
    i.stint('show', check=64)


def test_hostile_text_is_escaped_in_tables_and_kept_in_json(t):
    i = t.instance()
    i.stint('submit', '-l', f'k={HOSTILE}', 'true', check=64)
    task = i.submit('-N', HOSTILE, 'printf', '%s', HOSTILE)
    row = i.ended(task)
    t.equal(row['name'], HOSTILE)
    t.equal(i.json('show', task)['task']['command']['argv'], ['printf', '%s', HOSTILE])
    for command in ['list'], ['show', task], ['status']:
        shown = i.stint(*command, text=False).stdout
        t.true(
            not any(byte in shown for byte in b'\x1b\x07\r')
            and b'\xc2\x9b' not in shown
            and b'\xe2\x80\xae' not in shown,
            f'{command} prints {shown!r}',
        )
    t.equal(len(i.stint('list').stdout.splitlines()), 2, 'one line a task')
    error = i.stint('list', f'x{HOSTILE}', check=64, text=False).stderr
    t.true(b'\x1b' not in error and error.count(b'\n') == 1, f'{error!r}')
    raw = b'n\xff\xfe'.decode(errors='surrogateescape')
    other = i.submit('-N', raw, 'true')
    told = i.task(other)
    t.equal(told['name_base64'], 'bv/+')
    t.true('name_base64' not in row, 'only beside what is no UTF-8')


def test_colour_only_where_it_is_wanted(t):
    i = t.instance()
    del i.env['NO_COLOR']
    submit_mixed(i)
    escape = '\x1b['
    t.true(escape not in i.stint('list').stdout, 'none into a pipe')
    t.true(escape in i.stint('list', '--color', 'always').stdout, 'on demand')
    t.true(escape not in i.stint('list', '--color', 'never').stdout, 'never')
    t.true(
        escape not in i.stint('list', '--color', 'always', env={'NO_COLOR': '1'}).stdout,
        'not with NO_COLOR',
    )
    i.stint('list', '--color', 'sometimes', check=64)


def on_terminal(i, *arguments):
    """What the client prints on a terminal."""
    ours, theirs = os.openpty()
    process = i.spawn(*arguments, stdout=theirs)
    os.close(theirs)
    text = b''
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # EIO: the other side is closed
            break
        text += part
    os.close(ours)
    process.wait(PATIENCE)
    return text


def test_colour_on_a_terminal(t):
    i = t.instance()
    submit_mixed(i)
    t.true(b'\x1b[' not in on_terminal(i, 'list'), 'not with NO_COLOR')
    del i.env['NO_COLOR']
    i.env['TERM'] = 'xterm'
    t.true(b'\x1b[' in on_terminal(i, 'list'), 'on a terminal')


def test_status(t):
    i = t.instance()
    submit_mixed(i)
    told = i.json('status')
    status = told['status']
    t.equal(
        (told['schema'], status['instance'], status['health'], status['state_dir']),
        (1, 'user', 'ok', str(i.state)),
    )
    queue, pool = status['queues'][0], status['pools'][0]
    t.equal(
        {
            name: queue[name]
            for name in ('name', 'ready', 'delayed', 'running', 'succeeded', 'failed', 'cancelled')
        },
        {
            'name': 'default',
            'ready': 0,
            'delayed': 1,
            'running': 0,
            'succeeded': 1,
            'failed': 2,
            'cancelled': 1,
        },
    )
    t.equal(
        (pool['name'], pool['handler'], pool['queues'], pool['busy']),
        ('default', 'command', ['default'], 0),
    )
    t.equal((status['counters']['submitted'], status['counters']['malformed']), (5, 0))
    plain = i.stint('status').stdout
    for part in 'dispatcher', 'default', 'sqlite:', 'command', 'ok':
        t.contains(plain, part)
    t.equal(
        i.stint().stdout.split('\n')[1:3], plain.split('\n')[1:3], 'stint alone is stint status'
    )


def test_version_and_help(t):
    i = t.instance()
    t.contains(i.stint('version').stdout, 'dispatcher')
    told = i.json('version')
    t.equal((told['schema'], told['version']['client']), (1, told['version']['dispatcher']))
    t.equal(i.stint('--version').stdout, f'stint {told["version"]["client"]}\n')
    overview = i.stint('--help').stdout
    t.equal(i.stint('help').stdout, overview)
    for (
        name
    ) in 'submit run call wait list show logs result cancel status ping version help'.split():
        t.contains(overview, name)
        text = i.stint(name, '--help').stdout
        t.equal(i.stint('help', name).stdout, text)
        t.true(
            f'stint {name}' in text and 'xample' in text, f'help of {name} has an example: {text}'
        )
    i.stop()
    t.equal(i.json('version')['version']['dispatcher'], None)
    i.stint('submit', '--help')
