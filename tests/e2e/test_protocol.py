"""The protocol as docs/protocol.md describes it, spoken by a client in another language."""
import os
import pathlib
import re

import msgpack
import zmq
from client import ERROR, HELLO, OUTPUT, SUBMIT, WAIT, Client

SUCCEEDED, FAILED, EXIT_CODE = 6, 7, 1
DOCUMENT = pathlib.Path(__file__).parents[2] / 'docs' / 'protocol.md'
ECHO = 'queues: ({ name = "default"; }, { name = "mail"; });\npools: (' + (
    '{ name = "default"; queues = ["default"]; },'
    '{ name = "mail"; queues = ["mail"]; handler = "echo"; workers = 1; });\n'
)


def command(*argv, **options):
    return msgpack.packb({'argv': argv, **options})


def endpoint(instance):
    return (instance.state / 'endpoint').read_text().strip()


def shell(script):
    return command('/bin/sh', '-c', script)


def raw(t, instance):
    """A DEALER for messages that no client would send."""
    socket = zmq.Context().socket(zmq.DEALER)
    socket.connect(endpoint(instance))
    t.clean_up(lambda: socket.close(0))

    def ask(*frames):
        socket.send_multipart(frames)
        t.true(socket.poll(60000), 'there is an answer')
        return msgpack.unpackb(socket.recv_multipart()[0])

    return ask


def test_the_client_in_python_is_as_small_as_the_document_says(t):
    length = len((pathlib.Path(__file__).parent / 'client.py').read_text().splitlines())
    promised = int(re.search(r'(\d+) lines of Python', DOCUMENT.read_text()).group(1))
    t.true(length <= promised, f'{length} lines, {promised} promised')


def test_a_client_in_python_submits_waits_and_reads(t):
    i = t.instance()
    c = Client(endpoint(i))
    ids = c.submit(shell('echo one; echo two >&2'), shell('exit 3'))
    t.equal(c.wait(ids), {ids[0]: [SUCCEEDED, EXIT_CODE, 0], ids[1]: [FAILED, EXIT_CODE, 3]})
    t.equal(c.output(ids[0]), b'one\n')
    t.equal(c.output(ids[0], stream=2), b'two\n')


def test_all_keys_of_the_command_spec_mean_what_the_document_says(t):
    i = t.instance()
    c = Client(endpoint(i))
    (one,) = c.submit(
        command(
            '/bin/sh', '-c', 'pwd; umask; echo $A; cat; nice',
            cwd='/tmp', umask=0o27, nice=5, stdin=b'bytes\n',
            env=['A=b', 'PATH=/bin:/usr/bin'], output_limit=1000,
        )
    )  # fmt: skip
    t.equal(c.wait([one])[one], [SUCCEEDED, EXIT_CODE, 0])
    t.equal(c.output(one), b'/tmp\n0027\nb\nbytes\n%d\n' % min(os.nice(0) + 5, 19))
    (two,) = c.submit(command('/bin/cat', stdin_file='/proc/sys/kernel/ostype'))
    c.wait([two])
    t.equal(c.output(two), b'Linux\n')


def test_long_output_comes_in_parts_and_is_followed_while_the_task_runs(t):
    i = t.instance()
    c = Client(endpoint(i))
    (task,) = c.submit(shell('i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo $i; done'))
    t.equal(c.output(task), b''.join(b'%d\n' % n for n in range(1, 60001)))


def test_a_message_is_answered(t):
    i = t.instance(ECHO)
    c = Client(endpoint(i))
    (task,) = c.submit(b'\0payload\xff', kind=2, queue='mail')
    t.equal(c.wait([task])[task][0], SUCCEEDED)
    t.equal(c.output(task, stream=0), b'\0payload\xff')


def test_events_are_complete_and_in_order_across_a_restart_of_the_dispatcher(t):
    i = t.instance()
    c = Client(endpoint(i))
    t.equal(c.follow(), [], 'from now on')
    (task,) = c.submit(shell('true'))
    c.wait([task])
    events = t.until(lambda: [e for e in c.follow() if e[3] == task], 'there are events')
    t.equal([e[5] for e in events][-1], SUCCEEDED)
    sequence = [tuple(e[:2]) for e in events]
    t.equal(sequence, sorted(sequence))
    i.kill_dispatcher()
    (task,) = c.submit(shell('true'))
    c.wait([task])
    states = []
    t.until(
        lambda: states.extend(e[5] for e in c.follow() if e[3] == task) or SUCCEEDED in states,
        'the end after the restart is told',
    )


def test_a_request_that_is_sent_again_is_done_once(t):
    i = t.instance()
    c = Client(endpoint(i))
    (task,) = c.submit(command('/bin/true'))
    frames = c.frames
    for _ in range(3):
        c.socket.send_multipart(frames)
        t.equal(c.answer(), [task, 1])
    i.kill_dispatcher()
    c.socket.send_multipart(frames)
    t.equal(c.answer(), [task, 1])
    t.equal(c.submit(command('/bin/true'))[0], task + 1)


def test_what_the_dispatcher_did_not_answer_is_asked_again(t):
    i = t.instance()
    c = Client(endpoint(i))
    gate = i.gate()
    (task,) = c.submit(command('/bin/cat', str(gate.path)))
    gate.entered()
    i.kill_dispatcher()
    (after,) = c.submit(command('/bin/true'))
    t.equal(after, task + 1)
    gate.open()
    t.equal(c.wait([task, after])[task], [SUCCEEDED, EXIT_CODE, 0])


def test_malformed_and_unknown_messages_are_refused_and_nothing_else_happens(t):
    ask = raw(t, i := t.instance())
    pack = msgpack.packb
    for frame in (b'', b'\xc1', b'\x93\x01\x02', pack([1, WAIT, 5, [[1]] * 5000])):
        _, type, _, code, text = ask(frame, b'')
        t.equal((type, code), (ERROR, 65), frame[:8])
    t.equal(ask(pack([1, SUBMIT, 6, 'text where a bin belongs']))[1:4], [ERROR, 6, 65])
    t.equal(ask(pack([1, 63, 7]))[1:4], [ERROR, 7, 76], 'an unknown type')
    t.equal(ask(pack([1, 66, 8, 1, 1]))[1:4], [ERROR, 8, 65], 'an answer is no request')
    t.equal(ask(pack([2, HELLO, 9]))[1:4], [ERROR, 9, 76], 'another protocol')
    t.equal(ask(pack([1, OUTPUT, 10, 99, 0, 1, 0, 0, 0]))[1:4], [ERROR, 10, 65], 'no such task')
    status = i.json('status')
    t.true(status, 'it still answers')
    t.equal(i.json('list')['tasks'], [])


def blocks(text):
    """The bytes of the blocks of hexadecimal digits in the document."""
    found = re.findall(r'```\n((?:[0-9a-f]{2}[ \n])+)```', text)
    return [bytes.fromhex(block) for block in found]


def test_the_worked_example_of_the_document_is_true(t):
    ask = raw(t, t.instance())
    header, payload, answer = blocks(DOCUMENT.read_text())
    t.equal(msgpack.unpackb(payload), {'argv': ['/bin/true']})
    t.equal(ask(header, payload), msgpack.unpackb(answer))
    ends = ask(msgpack.packb([1, WAIT, 3, [[1, 1]]]))
    while ends[5]:
        ends = ask(msgpack.packb([1, WAIT, 3, [[1, 1]]]))
    t.equal(ends[3], [[1, SUCCEEDED, EXIT_CODE, 0]])
