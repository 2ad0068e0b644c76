"""Requests that weir itself refuses: one response, `Connection: close`, and no byte to a backend. Standard library
only."""
from support.scenario import Client, Reader, Scenario, free_port, web

GET = "GET / HTTP/1.1\r\nHost: a\r\n"
POST = "POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"


class Bytes:
    """A finished connection's bytes, for a Reader."""

    def __init__(self, data):
        self.data = data

    def recv(self, _):
        data, self.data = self.data, b""
        return data


class RefusalScenario(Scenario):
    def setUp(self):
        self.port, self.seen = free_port(), self.backend()
        self.proxy = self.weir(web(self.port, [self.seen], more="timeouts: {client_header: 20s}"))

    def refused(self, codes, cases):
        """Expects one response with one of these codes and `Connection: close`, then the end of the connection, and no
        connection to the backend."""
        codes = codes if isinstance(codes, tuple) else (codes,)
        for case in cases:
            with self.subTest(request=case[:200]):
                with Client(self.port) as client:
                    client.send(case)
                    everything = client.rest()
                reader = Reader(Bytes(everything))
                answer = reader.response()
                self.assertIsNotNone(answer, "no answer")
                self.assertIn(answer["status"], codes)
                self.assertEqual(answer["fields"].get("connection"), "close")
                self.assertEqual((reader.buffer, reader.more()), (b"", False), "more than one answer")
                reached, self.seen.connections, self.seen.requests = (self.seen.connections, self.seen.requests), [], []
                self.assertEqual(reached, ([], []))
