"""`logs`: the end of a stream, another attempt, several tasks, and what is still being written."""

import json
import os
import signal

from harness import ONE_WORKER, PATIENCE
from test_wait_list import Requests


def outputs(done):
    return done.stdout, done.stderr


def test_the_last_lines_of_each_stream(t):
    i = t.instance()
    task = i.submit('sh', '-c', 'seq 100000; printf "a\nb\nno end" >&2')
    i.ended(task)
    for count, out, err in (
        ('0', '', ''),
        ('1', '100000\n', 'no end'),
        ('2', '99999\n100000\n', 'b\nno end'),
        ('9', ''.join(f'{n}\n' for n in range(99992, 100001)), 'a\nb\nno end'),
    ):
        t.equal(outputs(i.stint('logs', '-n', count, task)), (out, err), f'-n {count}')
    t.equal(i.stint('logs', '-n', 200000, '--stdout', task).stdout.count('\n'), 100000)
    t.equal(outputs(i.stint('logs', '--stderr', '-n1', task)), ('', 'no end'))
    t.equal(i.json('logs', '-n', 1, task)['logs']['stdout'], '100000\n')
    for words in ['-n', 'x'], ['-n', '-1'], ['--lines'], ['--lins', '1'], ['--attempt', '0']:
        i.stint('logs', *words, check=64)


def test_of_any_attempt(t):
    i = t.instance()
    script = 'echo try $STINT_ATTEMPT; exit 1'
    task = i.submit('--retries', 2, '--backoff', '1ms', '--shell', script)
    i.ended(task)
    for attempt in 1, 2, 3:
        t.equal(i.stint('logs', '--attempt', attempt, task).stdout, f'try {attempt}\n')
    t.equal(i.stint('logs', task).stdout, 'try 3\n')
    t.equal(i.json('logs', '--attempt', 2, task)['logs']['attempt'], 2)
    t.contains(i.stint('logs', '--attempt', 4, task, check=65).stderr, 'the last one is 3')
    t.equal(i.stint('logs', '-f', '--attempt', 1, task).stdout, 'try 1\n')


def test_of_several_tasks(t):
    i = t.instance()
    one, two = i.submit('echo', 'one'), i.submit('echo', 'two')
    i.ended(one), i.ended(two)
    t.equal(i.stint('logs', f'{one}-{two}').stdout, 'one\ntwo\n')
    t.equal(i.stint('logs', 'last').stdout, 'two\n')
    t.contains(i.stint('logs', '-f', one, two, check=64).stderr, 'one task')
    t.contains(i.stint('logs', 99, check=65).stderr, 'no task 99')
    t.contains(i.stint('logs', 'lsat', check=64).stderr, 'did you mean `last`')


def test_follows_until_the_end(t):
    i = t.instance()
    gate = i.gate()
    task = i.submit('sh', '-c', f'seq 5; echo bad >&2; cat {gate.path}; echo end')
    gate.entered()
    t.until(lambda: i.stint('logs', '--stdout', task).stdout.endswith('5\n'), 'all has come')
    every, tail, told = (
        i.spawn('logs', *words, task) for words in (['-f'], ['-f', '-n', '2'], ['-f', '--json'])
    )
    t.equal([every.stdout.readline() for _ in range(5)], [b'%d\n' % n for n in range(1, 6)])
    t.equal([tail.stdout.readline() for _ in range(2)], [b'4\n', b'5\n'])
    t.equal(every.stderr.readline(), b'bad\n')
    gate.open()
    t.equal((every.stdout.read(), tail.stdout.read()), (b'end\n', b'end\n'))
    t.equal([process.wait(PATIENCE) for process in (every, tail, told)], [0, 0, 0])
    chunks = [json.loads(line)['output'] for line in told.stdout.read().splitlines()]
    for stream, text in ('stdout', '1\n2\n3\n4\n5\nend\n'), ('stderr', 'bad\n'):
        pieces = [chunk for chunk in chunks if chunk['stream'] == stream]
        t.equal(''.join(chunk['bytes'] for chunk in pieces), text)
        offset = 0
        for chunk in pieces:
            t.equal(chunk['offset'], offset)
            offset += len(chunk['bytes'])
    t.equal(i.stint('logs', '-f', '--stdout', '-n', 1, task).stdout, 'end\n', 'it has ended')


def test_follows_a_task_that_waits_and_its_retries(t):
    i = t.instance(ONE_WORKER)
    gate = i.gate()
    i.submit(*gate.command)
    gate.entered()
    script = 'echo try $STINT_ATTEMPT; test $STINT_ATTEMPT = 3'
    task = i.submit('--retries', 2, '--backoff', '1ms', '--shell', script)
    requests = Requests(i)
    following = i.spawn('logs', '-f', task)
    requests.come(4)  # HELLO, LIST, and OUTPUT of both streams
    gate.open()
    t.equal(following.stdout.read(), b'try 1\ntry 2\ntry 3\n')
    t.equal(following.wait(PATIENCE), 0)


def test_a_reader_that_leaves_ends_it(t):
    i = t.instance()
    task = i.submit('sh', '-c', 'seq 1000000')
    i.ended(task)
    process = i.spawn('logs', task)
    t.equal(process.stdout.readline(), b'1\n')
    process.stdout.close()
    t.equal(process.wait(PATIENCE), -signal.SIGPIPE)
    t.equal(process.stderr.read(), b'')
    with open('/dev/full', 'wb') as full:
        process = i.spawn('logs', task, stdout=full)
        t.equal(process.wait(PATIENCE), os.EX_IOERR)
    t.contains(process.stderr.read(), b'No space left')
