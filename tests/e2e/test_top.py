"""`stint top` on a real terminal: what it shows on screens of any size, what its keys do, and that
the terminal is given back however it ends."""

import os
import re
import signal

import harness
from screen import Screen

HOSTILE = 'a\x1b[31mred\x07\x9b\r\nb\t\u202e'
TWO_QUEUES = (
    'queues: ({ name = "default"; }, { name = "mail"; });\n'
    'pools: ({ name = "default"; queues = ["default", "mail"]; workers = 2; });\n'
)


def opened(t, i, columns=80, rows=24, *options):
    """A screen in which top has drawn its first screen."""
    screen = Screen(t, i, columns, rows)
    screen.run('top', *options)
    screen.shows(r'TASK')
    return screen


def line_of(screen, pattern):
    return next((line for line in screen.lines() if re.search(pattern, line)), None)


def test_shows_queues_pools_and_tasks(t):
    i = t.instance(TWO_QUEUES)
    gate = i.gate()
    i.submit('-N', 'nightly', '-q', 'mail', *gate.command)
    gate.entered()
    for _ in range(3):
        i.submit('--delay', '1d', 'true')
    i.ended(i.submit('false'))
    screen = opened(t, i)
    screen.shows(
        r'^stint \S+, user instance, up .* \d\d:\d\d:\d\d$',
        r'^per second: ',
        r'^QUEUE.* READY +RUNNING +DELAYED +HELD +OLDEST +ENDS/S +DONE +FAILED$',
        r'^default +0 +0 +3 +0 .* 0 +1$',
        r'^mail +0 +1 +0 +0 ',
        r'^POOL\u25b4 +HANDLER +WORKERS',
        r'^default +command +2/2 .* 1/2',
        r'1 running 1 .*2 waiting 3 .*3 ended',
        r'ID.* QUEUE +TRY +TIME +PROGRESS +TASK',
        r'^ +1 mail +1 .* nightly: cat ',
        r'q quit',
    )
    screen.press('2')
    screen.shows(r'^ +2 default +delayed +0 .* 23h59m +true', r'^ +4 default +delayed')
    screen.press('3')
    screen.shows(r'^ +5 default +failed .* exit code 1 +false')
    gate.open()
    i.ended(1)
    screen.shows(r'^ +1 mail +succeeded')


def test_shows_progress(t):
    i = t.instance()
    gate = i.gate()
    i.submit('sh', '-c', f'echo "42% resizing" >/dev/fd/$STINT_PROGRESS_FD; {gate.command[0]} '
             f'{gate.command[1]}')
    gate.entered()
    screen = opened(t, i)
    bar = '\u2588' * 3 + '\u2591' * 5
    screen.shows(rf'^ +1 default +1 .* {bar} +42% resizing +sh')


def test_works_on_small_screens(t):
    i = t.instance(TWO_QUEUES)
    gate = i.gate()
    i.submit(*gate.command)
    gate.entered()
    screen = opened(t, i, 40, 10)
    text = screen.shows(r'1 running 1', r'^ +1 .* cat ', r'q quit')
    t.true(all(len(line) <= 40 for line in text.split('\n')), text)
    screen.press('Tab')
    screen.shows(r'^QUEUE', r'^default +0 +1', r'^mail')
    screen.shows_not('running 1')
    screen.press('Tab')
    screen.shows(r'^POOL', r'2/2')
    for columns, rows in (20, 5), (10, 3), (200, 60), (3, 1), (80, 24):
        screen.resize(columns, rows)
    screen.shows(r'^POOL', r'^default +command', r'^ +1 default .* cat ')
    t.equal(len(screen.lines()), 24)


def test_sorts_and_filters(t):
    i = t.instance()
    for name in 'pear', 'apple', 'plum':
        i.submit('-N', name, '--delay', '1d', 'true')
    screen = opened(t, i)

    def order(*names):
        screen.shows('(?s)' + '.*'.join(names))

    screen.press('2')
    order('pear', 'apple', 'plum')
    screen.press('i')
    order('plum', 'apple', 'pear')
    screen.press('S')
    order('apple', 'pear', 'plum')
    screen.press('/')
    screen.type('PL')
    screen.shows_not('pear')
    order('apple', 'plum')
    screen.press('Enter')
    screen.shows('filter PL')
    screen.press('Escape')
    order('apple', 'pear', 'plum')


def test_cancels_after_a_question(t):
    i = t.instance()
    gate = i.gate()
    i.submit(*gate.command)
    gate.entered()
    screen = opened(t, i)
    screen.shows(r'^ +1 .* cat ')
    screen.press('c')
    screen.shows(r'Cancel task 1\? \[y/N\]')
    screen.press('n')
    screen.shows('task 1 goes on')
    t.equal(i.task(1)['state'], 'running')
    screen.press('c')
    screen.shows(r'Cancel task 1\?')
    screen.press('y')
    screen.shows('task 1 is being cancelled')
    t.equal(i.ended(1)['state'], 'cancelled')
    screen.shows('no task runs')
    screen.press('3')
    screen.shows(r'^ +1 default +cancelled')


def test_retries_an_ended_task(t):
    i = t.instance()
    i.ended(i.submit('-N', 'again', 'sh', '-c', 'exit 3'))
    screen = opened(t, i)
    screen.press('3')
    screen.shows(r'^ +1 .* exit code 3')
    screen.press('r')
    screen.shows('task 1 runs again as 2')
    t.equal(i.ended(2)['name'], 'again')
    screen.shows(r'^ +2 .* exit code 3')


def test_shows_details_logs_and_help(t):
    i = t.instance()
    gate = i.gate()
    script = f'echo one; echo two >&2; cat {gate.path}; echo three'
    i.submit('-N', 'talker', 'sh', '-c', script)
    gate.entered()
    screen = opened(t, i)
    screen.shows(r'^ +1 .*talker')
    screen.press('Enter')
    screen.shows(r'^Task 1', r'^name +talker', r'^state +running', r'^command +sh -c', 'q back')
    screen.press('l')
    screen.shows(r'^Task 1: stdout', r'^one$')
    gate.open()
    screen.shows(r'^three$')
    screen.press('e')
    screen.shows(r'^Task 1: stderr', r'^two$')
    screen.press('q')
    screen.shows(r'QUEUE')
    screen.press('?')
    screen.shows(r'^Keys of stint top', r'cancel the task')
    screen.press('q')
    screen.shows(r'QUEUE')


def test_shows_the_output_that_was_kept(t):
    i = t.instance()
    i.ended(i.submit('--output-limit', '9', 'sh', '-c', 'seq 200000'))
    screen = opened(t, i)
    screen.press('3')
    screen.shows(r'^ +1 ')
    screen.press('l')
    screen.shows(r'^Task 1: stdout', r'^4$')


def test_enter_on_a_queue_shows_its_tasks(t):
    i = t.instance(TWO_QUEUES)
    i.submit('-N', 'one', '--delay', '1d', 'true')
    i.submit('-N', 'two', '--delay', '1d', '-q', 'mail', 'true')
    screen = opened(t, i)
    screen.press('2')
    screen.shows('one', 'two')
    screen.press('Tab', 'Down', 'Enter')
    screen.shows('queue mail', 'two')
    screen.shows_not('one: true')
    screen.press('Escape')
    screen.shows('one: true')


def test_hostile_names_are_escaped(t):
    i = t.instance()
    raw = b'n\xff\xfe'.decode(errors='surrogateescape')
    i.submit('-N', HOSTILE, '--delay', '1d', 'true')
    i.submit('-N', raw, '--delay', '1d', 'true')
    screen = opened(t, i, 120, 24)
    screen.press('2')
    screen.shows(re.escape(r'a\x1b[31mred\x07\xc2\x9b\r\nb\t\xe2\x80\xae'), re.escape(r'n\xff\xfe'))
    t.equal(len(screen.lines()), 24)


def test_every_signal_gives_the_terminal_back(t):
    i = t.instance()
    screen = Screen(t, i)
    before = screen.modes()
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1:
        screen.run('top')
        screen.shows('TASK')
        t.equal(screen.format('alternate_on'), '1')
        os.kill(screen.client(), number)
        screen.shows_not('TASK')
        screen.enter(f'echo "code $?"; clear -x 2>/dev/null; echo end {number}')
        screen.shows(f'^end {int(number)}')
        t.equal(
            (screen.format('alternate_on'), screen.format('cursor_flag'), screen.modes()),
            ('0', '1', before),
            str(number),
        )


def test_keys_end_it(t):
    i = t.instance()
    screen = Screen(t, i)
    before = screen.modes()
    for key, code in ('q', 0), ('C-c', 130), ('C-\\', 131):
        screen.run('top')
        screen.shows('TASK')
        screen.press(key)
        screen.shows_not('TASK')
        screen.enter('echo "code=$?"')
        screen.shows(f'code={code}$')
        t.equal(screen.modes(), before)


def stopped(t, pid):
    t.until(lambda: harness.process_state(pid) == 'T', 'top is stopped')


def goes_on(t, screen, pid):
    """The shell is told to go on with it, and it draws everything anew. The line ends with C-j: a
    shell without an editor of its own reads from a terminal that was left as it was, in which Enter
    is a carriage return."""
    screen.type('fg')
    screen.press('C-j')
    t.until(lambda: harness.process_state(pid) not in 'T', 'top goes on')
    screen.shows('TASK', 'q quit')
    screen.shows_not('Stopp')
    t.equal(screen.format('alternate_on'), '1')


def test_stops_and_goes_on(t):
    i = t.instance()
    screen = Screen(t, i)
    before = screen.modes()
    screen.run('top')
    screen.shows('TASK')
    pid = screen.client()
    for _ in range(2):
        screen.press('C-z')
        stopped(t, pid)
        screen.shows('Stopp')
        t.equal((screen.format('alternate_on'), screen.format('cursor_flag')), ('0', '1'))
        t.equal(screen.modes(), before)
        goes_on(t, screen, pid)
    os.kill(pid, signal.SIGSTOP)  # leaves it no time to give the terminal back
    stopped(t, pid)
    screen.shows('Stopp')
    goes_on(t, screen, pid)
    screen.press('q')
    screen.shows_not('TASK')
    t.equal(screen.modes(), before)


def test_a_new_dispatcher_is_only_a_pause(t):
    i = t.instance()
    screen = opened(t, i)
    i.kill_dispatcher()
    i.submit('-N', 'later', '--delay', '1d', 'true')
    screen.press('2')
    screen.shows(r'^ +1 .*later')


def test_says_when_the_dispatcher_is_away_and_goes_on(t):
    i = t.instance()
    screen = opened(t, i)
    i.stop()
    screen.shows(r'^no answer for ')
    screen.press('?')
    screen.shows(r'^Keys of stint top')
    screen.press('q')
    screen.shows(r'^no answer for ')
    i.start()
    i.submit('-N', 'later', '--delay', '1d', 'true')
    screen.shows(r'^per second: ')
    screen.press('2')
    screen.shows(r'^ +1 .*later')


def test_colours_only_where_they_are_wanted(t):
    i = t.instance()
    i.ended(i.submit('false'))
    del i.env['NO_COLOR']
    red = '\x1b[31m'

    def failed(*options, prefix=''):
        screen = Screen(t, i)
        screen.run(*options, prefix=prefix)
        screen.shows('TASK')
        screen.press('3')
        screen.shows('failed')
        text = '\n'.join(screen.lines(colors=True))
        screen.close()
        return text

    t.contains(failed('top'), red)
    for options, prefix in (('top', '--color', 'never'), ''), (('top',), 'NO_COLOR=1 '):
        t.true(red not in failed(*options, prefix=prefix), f'{options} {prefix}')


def test_refuses_what_is_no_terminal(t):
    i = t.instance()
    t.contains(i.stint('top', check=64).stderr, 'needs a terminal')
    t.contains(i.stint('top', '--json', check=64).stderr, 'stint status --json')
    t.contains(i.stint('top', 'x', check=64).stderr, 'stint')
    screen = Screen(t, i)
    screen.run('top', prefix='TERM=nonsense ')
    screen.shows('cannot draw on a terminal of type "nonsense"')
    i.stop()
    screen.run('top')
    screen.shows('stint: ')
    screen.enter('echo "code=$?"')
    screen.shows('code=69$')


def test_sleeps_while_nothing_happens(t):
    i = t.instance()
    screen = opened(t, i)
    pid = screen.client()

    def ticks():
        with open(f'/proc/{pid}/stat', encoding='ascii') as stat:
            return sum(map(int, stat.read().rsplit(')', 1)[1].split()[11:13]))

    def clock():
        return int(re.search(r'(\d\d)$', screen.lines()[0]).group(1))

    started, before = clock(), ticks()
    t.until(lambda: (clock() - started) % 60 >= 5, 'five seconds have been shown')
    t.true(ticks() - before < 50, f'{ticks() - before} of 500 ticks')
