"""Clients that speak TLS to weir."""
import re
import socket
import ssl


class TlsClient:
    """A client of a test; `pair` is its certificate. Sessions are resumed if one is given."""

    def __init__(self, test, authority, port):
        self.test, self.authority, self.port = test, authority, port

    def context(self, pair=None, **settings):
        context = ssl.create_default_context(cafile=self.authority.root)
        if pair:
            context.load_cert_chain(pair["cert"], pair["key"])
        for name, value in settings.items():
            setattr(context, name, value)
        return context

    def connect(self, name="a.example", context=None, session=None, **settings):
        """Returns a connection after its handshake."""
        context = context or self.context(**settings)
        context.check_hostname = context.check_hostname and name is not None
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        self.test.addCleanup(plain.close)
        secure = context.wrap_socket(plain, server_hostname=name, session=session)
        self.test.addCleanup(secure.close)
        return secure

    def get(self, secure, path="/", host="a.example", fields=""):
        secure.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode())
        return self.read_response(secure)

    def read_response(self, secure):
        got = b""
        while b"\r\n\r\n" not in got:
            piece = secure.recv(65536)
            self.test.assertTrue(piece, "the connection has ended")
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
        while len(body) < length:
            piece = secure.recv(65536)
            self.test.assertTrue(piece, "the connection has ended")
            body += piece
        return head.decode(), body
