"""Just enough of ZMTP 3.0 (https://rfc.zeromq.org/spec/23/) to send any bytes as frames to a ROUTER: a DEALER with the NULL
mechanism. Tests of hostile clients use it, so they need no ZeroMQ for Python, and can break the protocol at every layer."""
import socket

GREETING = b'\xff' + bytes(8) + b'\x7f' + b'\x03\x00' + b'NULL'.ljust(20, b'\0') + bytes(32)
READY = b'\x05READY' + b'\x0bSocket-Type' + (6).to_bytes(4, 'big') + b'DEALER'
MORE, LONG, COMMAND = 1, 2, 4


def frame(data, flags=0):
    if len(data) > 255:
        return bytes([flags | LONG]) + len(data).to_bytes(8, 'big') + data
    return bytes([flags, len(data)]) + data


class Dealer:
    """A connection; handshake=False leaves it at nothing sent."""

    def __init__(self, path, handshake=True, patience=60):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(patience)
        self.socket.connect(str(path))
        if handshake:
            self.socket.sendall(GREETING)
            self.read(64)
            self.socket.sendall(frame(READY, COMMAND))
            self.read_frame()

    def read(self, size):
        data = b''
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError('the peer has closed')
            data += part
        return data

    def read_frame(self):
        """Flags and bytes of one frame."""
        flags = self.read(1)[0]
        size = int.from_bytes(self.read(8 if flags & LONG else 1), 'big')
        return flags, self.read(size)

    def send(self, *frames):
        self.socket.sendall(b''.join(frame(f, MORE if at + 1 < len(frames) else 0) for at, f in enumerate(frames)))

    def answer(self):
        """The frames of one message."""
        frames, flags = [], MORE
        while flags & MORE:
            flags, data = self.read_frame()
            frames.append(data)
        return frames

    def close(self):
        self.socket.close()
