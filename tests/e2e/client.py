"""A client of stint in Python, written from docs/protocol.md alone; one request at a time."""
import os

import msgpack
import zmq

HELLO, SUBMIT, WAIT, OUTPUT, EVENTS, ERROR = 1, 2, 4, 8, 15, 64


class Client:
    def __init__(self, endpoint):
        self.socket, self.events = zmq.Context().socket(zmq.DEALER), zmq.Context().socket(zmq.SUB)
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self.socket.connect(endpoint)
        self.id, self.seq, self.request = os.urandom(16), 0, 0
        self.events.connect('ipc://' + self.call(HELLO, self.id, 1, 1, 'client.py')[9])
        self.events.subscribe('task/')
        self.last = [0, 0]  # epoch and seq of the last event; the first follow() finds them

    def call(self, type, *fields, payload=b''):
        self.request += 1
        self.frames = [msgpack.packb([1, type, self.request, *fields]), payload]
        self.socket.send_multipart(self.frames)
        return self.answer()  # its fields, then its payload

    def answer(self):
        while not self.socket.poll(50):
            if self.monitor.poll(0) and self.monitor.recv_multipart():
                self.socket.send_multipart(self.frames)  # once it is connected again
        header, *payload = self.socket.recv_multipart()
        _, type, request, *fields = msgpack.unpackb(header, unicode_errors='surrogateescape')
        if type == ERROR:
            raise RuntimeError(*fields)
        return [*fields, *payload] if request == self.request else self.answer()

    def submit(self, *payloads, kind=1, queue='default'):
        self.seq += 1
        tasks = [[kind, queue, 0, '', [], '', 0, 0, 0, 0, 0, 0, 0, len(p)] for p in payloads]
        head = [SUBMIT, self.id, self.seq, self.seq - 1, 0, 0]
        first, count = self.call(*head, tasks, payload=b''.join(payloads))
        return range(first, first + count)

    def wait(self, ids):
        ends, unknown, more = self.call(WAIT, [[i, 1] for i in ids])
        while more:
            ends, more = ends + (answer := self.answer())[0], answer[2]
        return {task: end for task, *end in ends}  # [state, reason, code]

    def output(self, task, stream=1, data=b'', end=0):
        while not end:
            _, _, end, _, _, _, _, *part = self.call(OUTPUT, task, 0, stream, len(data), 0, 1)
            data += b''.join(part)
        return data

    def follow(self, msec=50):
        while self.events.poll(msec) and self.events.recv_multipart():
            pass  # that there is news: EVENTS has it, too, and what the channel lost
        epoch, seq, missed, events = self.call(EVENTS, *self.last)
        self.last = events[-1][:2] if events else [epoch, seq]
        return events  # [epoch, seq, time, id, queue, state, …]
