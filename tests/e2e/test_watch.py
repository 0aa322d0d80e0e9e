"""`stint watch`: a line for every change, at once, through restarts, until somebody ends it."""

import json
import os
import signal

from harness import ONE_WORKER, PATIENCE


class Lines:
    """The lines that a running watch writes into a pipe."""

    def __init__(self, t, i, *arguments):
        self.t, self.process, self.lines, self.rest = t, i.spawn('watch', *arguments), [], b''
        os.set_blocking(self.process.stdout.fileno(), False)

    def read(self):
        """What has come so far."""
        while part := self.process.stdout.read(65536):
            *whole, self.rest = (self.rest + part).split(b'\n')
            self.lines += [line.decode() for line in whole]
        return self.lines

    def has(self, *parts):
        """Waits for a line with all of these."""
        return self.t.until(
            lambda: next((line for line in self.read() if all(part in line for part in parts)),
                         None),
            f'a line with {parts} in {self.lines}',
        )

    def awake(self, i):
        """Waits until changes are told: tasks that nobody runs are submitted until one is."""
        def told():
            i.submit('--delay', '1d', 'true')
            return any('delayed' in line for line in self.read())

        self.t.until(told, 'changes are told')


def words(line):
    return line.split()[1:]


def test_tells_every_change_at_once(t):
    i = t.instance()
    lines = Lines(t, i)
    lines.awake(i)
    gate = i.gate()
    task = i.submit(*gate.command)
    line = lines.has(f' {task} ', 'running')
    t.equal(words(line), [str(task), 'default', 'running'])
    t.true(line[2] == ':' and line[8] == '.', line)
    gate.entered()
    gate.open()
    lines.has(f' {task} ', 'succeeded')
    task = i.submit('sh', '-c', 'kill -KILL $$')
    t.contains(lines.has(f' {task} ', 'failed'), 'killed by signal 9 (KILL)')
    task = i.submit('--retries', 1, '--backoff', '1ms', 'sh', '-c', 'exit 3')
    t.contains(lines.has(f' {task} ', 'failed'), 'attempt 2  exit code 3')
    why = '  attempt 1 ended: exit code 3'
    t.true(any(line.endswith(why) for line in lines.read()), 'why it runs again')
    states = [words(line)[2] for line in lines.read() if words(line)[0] == str(task)]
    t.equal([state for state in states if state == 'running'], ['running'] * 2)
    t.equal(lines.process.poll(), None)


def test_chooses_by_queue_and_state(t):
    i = t.instance(
        'queues: ({ name = "default"; }, { name = "mail"; });\n'
        'pools: ({ name = "default"; queues = ["default", "mail"]; workers = 1; });\n'
    )
    every = Lines(t, i)
    mail = Lines(t, i, '-q', 'mail', '--state', 'succeeded,failed', '-n', 2)
    every.awake(i)
    ready = Lines(t, i, '-q', 'mail', '-n', 1)
    t.until(lambda: i.submit('-q', 'mail', '--delay', '1d', 'true') and ready.read(),
            'the others are awake')
    t.equal(ready.process.wait(PATIENCE), 0)
    one, other, two = (i.submit('-q', queue, 'true') for queue in ('mail', 'default', 'mail'))
    t.equal(mail.process.wait(PATIENCE), 0)
    t.equal([words(line) for line in mail.read()],
            [[str(task), 'mail', 'succeeded'] for task in (one, two)])
    every.has(f' {other} ', 'succeeded')


def test_json_is_an_object_a_line(t):
    i = t.instance(ONE_WORKER)
    lines = Lines(t, i, '--json')
    lines.awake(i)
    task = i.submit('false')
    event = json.loads(lines.has(f'"id":{task},', '"failed"'))
    t.equal(event['schema'], 1)
    event = event['event']
    t.equal(
        {name: event[name] for name in ('id', 'queue', 'state', 'reason', 'code', 'attempt')},
        {'id': task, 'queue': 'default', 'state': 'failed', 'reason': 'exit code', 'code': 1,
         'attempt': 1},
    )
    row = i.ended(task)
    t.true(row['submitted_usec'] <= event['time_usec'], 'times are of the wall clock')
    events = [json.loads(line)['event'] for line in lines.read() if '"event"' in line]
    numbers = [event['seq'] for event in events]
    t.equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), 'none is missing')


def test_goes_on_with_a_new_dispatcher(t):
    i = t.instance()
    lines = Lines(t, i)
    lines.awake(i)
    gate = i.gate()
    task = i.submit(*gate.command)
    lines.has(f' {task} ', 'running')
    gate.entered()
    i.kill_dispatcher()
    later = i.submit('true')
    lines.has('the dispatcher was restarted')
    lines.has(f' {later} ', 'succeeded')
    gate.open()
    lines.has(f' {task} ', 'succeeded')
    t.equal(lines.process.poll(), None)


def test_signals_end_it_between_two_lines(t):
    i = t.instance()
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        lines = Lines(t, i)
        lines.awake(i)
        lines.process.send_signal(number)
        t.equal(lines.process.wait(PATIENCE), 128 + number)
        lines.read()
        t.equal((lines.rest, lines.process.stderr.read()), (b'', b''))


def test_a_reader_that_goes_away_ends_it(t):
    i = t.instance()
    lines = Lines(t, i)
    lines.awake(i)
    lines.process.stdout.close()
    t.equal(lines.process.wait(PATIENCE), 0, 'without any event to write')
    t.equal(lines.process.stderr.read(), b'')


def test_a_reader_that_reads_nothing_does_not_keep_it(t):
    i = t.instance()
    lines = Lines(t, i)
    lines.awake(i)
    for _ in range(4):
        i.stint('submit', '--delay', '1d', 'true')
    lines.process.send_signal(signal.SIGTERM)
    t.equal(lines.process.wait(PATIENCE), 128 + signal.SIGTERM)


def test_a_full_disk_is_told(t):
    i = t.instance()
    with open('/dev/full', 'wb') as full:
        process = i.spawn('watch', stdout=full)
        t.until(lambda: i.submit('--delay', '1d', 'true') and process.poll() is not None,
                'it has ended')
    t.equal(process.returncode, 74)
    t.contains(process.stderr.read().decode(), 'cannot write to stdout')


def test_refuses_what_makes_no_sense(t):
    i = t.instance()
    for arguments in ['x'], ['--state', 'done'], ['-n', '0'], ['-q', 'a b']:
        t.contains(i.stint('watch', *arguments, check=64).stderr, 'stint')
    i.stop()
    i.stint('watch', check=69)
