"""A scripted server of HTTP/2 that answers with any frames, legal or not."""
import struct
import sys

from support import http2_frames as h2
from support.peers import RawBackend

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-hpack
import hpack  # noqa: E402


def read_exactly(connection, size):
    got = b""
    while len(got) < size:
        piece = connection.recv(size - len(got))
        if not piece:
            raise OSError("the client has closed")
        got += piece
    return got


def response(body=b"", fields=(), status=200, stream=1):
    """Returns the frames of a whole response."""
    block = h2.block([(":status", str(status)), *fields])
    return h2.headers(stream, block, end=not body) + (h2.data(stream, body, end=True) if body else b"")


class Http2Backend(RawBackend):
    """Answers the first request of each connection with the bytes of `answer(request)`, then reads on. A request
    is the fields of its head, with "body" and "ended": whether its head has ended it."""

    def __init__(self, answer, **kwargs):
        self.answer, self.requests = answer, []
        super().__init__(**kwargs)

    def serve(self, connection):
        if read_exactly(connection, len(h2.PREFACE)) != h2.PREFACE:
            return  # a client of HTTP/1.1
        connection.sendall(h2.settings())
        self.requests.append(self.read_request(connection))
        connection.sendall(self.answer(self.requests[-1]))
        while connection.recv(65536):
            pass

    def read_request(self, connection):
        request = {}
        while True:
            head = read_exactly(connection, 9)
            size, (kind, flags, _) = int.from_bytes(head[:3], "big"), struct.unpack(">BBI", head[3:])
            payload = read_exactly(connection, size)
            if kind == h2.HEADERS:
                assert flags & h2.END_HEADERS
                request = {**dict(hpack.Decoder().decode(payload)), "body": b"", "ended": bool(flags & h2.END_STREAM)}
            if kind == h2.DATA:
                request["body"] += payload
            if kind in (h2.HEADERS, h2.DATA) and flags & h2.END_STREAM:
                return request
