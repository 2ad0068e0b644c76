"""A weir that accepts HTTP/2, with and without TLS, in front of scripted HTTP/1.1 backends."""
import base64
import contextlib
import hashlib

from support import http2_frames as h2
from support.certificates import Authority
from support.http2 import Http2Client
from support.peers import RawBackend, Reader
from support.scenario import Scenario, free_port, web

CONNECTION_ERRORS = set(range(1, 14))


class HeadBackend(RawBackend):
    """Answers as soon as the head of a request is there: `answer(connection, first line, fields, reader)`. `heads` has
    the first lines; `left` counts the connections that the proxy has closed, if `answer` reads to their end."""

    def __init__(self, answer, **kwargs):
        self.answer, self.heads, self.left = answer, [], 0
        super().__init__(**kwargs)

    def serve(self, connection):
        reader = Reader(connection)
        with contextlib.suppress(AssertionError):  # a message that breaks off
            while found := reader.head():
                self.heads.append(found[0])
                self.answer(connection, found[0], found[1], reader)

    def until_left(self, connection):
        """Reads until the proxy closes or resets the connection."""
        try:
            while connection.recv(65536):
                pass
        except OSError:
            pass
        self.left += 1


def respond(connection, body=b"", status="200 OK", extra=""):
    connection.sendall(f"HTTP/1.1 {status}\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body)


class Http2Scenario(Scenario):
    def serve(self, script=None, behind=None, tls=None, listener=None, workers=1, **keys):
        """Starts weir in front of `behind`, by default a backend that runs `script`. `tls` has keys of the listener's
        tls, if it is to have one."""
        self.port, self.seen = free_port(), behind or self.backend(script)
        listener = {"http2": True, **(listener or {})}
        if tls is not None:
            self.authority = Authority(self.folder())
            self.pair = self.authority.issue("a.example")
            listener["tls"] = {"certificates": [self.pair], **tls}
        self.config = web(self.port, [self.seen], listener=listener, **keys)
        self.proxy = self.start_proxy(self.config, workers)

    def start_proxy(self, config, workers):
        return self.weir(config, workers=workers)

    def head_backend(self, answer, **kwargs):
        backend = HeadBackend(answer, **kwargs)
        self.addCleanup(backend.close)
        return backend

    def connect(self, **kwargs):
        """Returns a client that knows the proxy's SETTINGS."""
        client = self.connect_raw(**kwargs)
        client.wait(lambda: client.has_settings and client.acks, "SETTINGS are exchanged")
        return client

    def connect_raw(self, **kwargs):
        client = Http2Client(self.port, **kwargs)
        self.addCleanup(client.close)
        return client

    def get(self, path="/", **keys):
        """Sends a request on a connection of its own."""
        client = self.connect()
        view = client.get(path, **keys)
        client.close()
        return view

    def assert_serves(self, client=None):
        """A connection, by default another one, is in order."""
        client = client or self.connect()
        self.assertEqual(client.get("/alive").status, 200)

    def assert_connection_error(self, client, codes):
        """The connection ends with GOAWAY and one of these codes."""
        client.wait(lambda: client.closed, "the connection is closed")
        self.assertTrue(client.goaways, "closed without GOAWAY")
        self.assertIn(client.goaways[-1][1], codes)

    def assert_stream_error(self, client, view, codes):
        """The stream is reset with one of these codes, and the connection goes on."""
        client.wait(lambda: view.over, f"stream {view.id} is over")
        self.assertIn(view.reset, codes)
        client.ping()
        self.assertEqual(client.goaways, [])

    def assert_error(self, client, view, codes):
        """The stream or the connection ends with one of these codes, as RFC 9113 section 5.4.2 leaves it open."""
        client.wait(lambda: view.reset is not None or client.closed, f"an error of stream {view.id}")
        if view.reset is None:
            self.assertTrue(client.goaways, "closed without GOAWAY")
        self.assertIn(client.goaways[-1][1] if view.reset is None else view.reset, codes)


def websocket_head(path="/chat", protocol="websocket", more=(), **pseudo):
    """Returns the fields of an extended CONNECT (RFC 8441)."""
    fields = h2.head("CONNECT", path, more=(), **pseudo)
    version = [("sec-websocket-version", "13")]
    return [*fields[:1], (":protocol", protocol), *fields[1:], *version, *more]


def accept_of(key):
    """Returns the Sec-WebSocket-Accept that belongs to a key (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
