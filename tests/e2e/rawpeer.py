"""As much of ZMTP 3.0 as a test needs to be a strange peer: one that says what no library would, or
nothing. Specification: https://rfc.zeromq.org/spec/23/
"""
import socket
import struct

GREETING = b'\xff' + bytes(8) + b'\x7f\x03\x00' + b'NULL'.ljust(20, b'\0') + bytes(32)


def connect(path):
    """A connection that has said nothing yet."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    s.settimeout(30)
    s.connect(str(path))
    return s


def frame(body, more=False, command=False):
    flags = (1 if more else 0) | (4 if command else 0)
    if len(body) > 255:
        return struct.pack('>BQ', flags | 2, len(body)) + body
    return struct.pack('>BB', flags, len(body)) + body


def receive_exactly(s, size):
    data = b''
    while len(data) < size:
        part = s.recv(size - len(data))
        if not part:
            raise ConnectionError('the peer has closed')
        data += part
    return data


def receive_frame(s):
    """(flags, body)"""
    (flags,) = receive_exactly(s, 1)
    size = struct.unpack('>Q', receive_exactly(s, 8))[0] if flags & 2 else receive_exactly(s, 1)[0]
    return flags, receive_exactly(s, size)


def handshake(s, kind):
    """Becomes a peer of that socket type, such as DEALER or SUB."""
    value = kind.encode()
    s.sendall(GREETING)
    receive_exactly(s, len(GREETING))
    ready = b'\x05READY' + b'\x0bSocket-Type' + struct.pack('>I', len(value)) + value
    s.sendall(frame(ready, command=True))
    receive_frame(s)
    return s


def subscriber(path):
    """Gets every event from now on, if it reads them."""
    s = handshake(connect(path), 'SUB')
    s.sendall(frame(b'\x01'))
    return s
