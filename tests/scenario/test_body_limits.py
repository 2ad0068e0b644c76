"""Bodies over `limits.body_size` get a 413, whether or not the body still arrives, and do not count against a
backend."""
from support.scenario import Scenario, eventually, free_port, main, web

LIMIT = 64 * 1024
KNOWN = f"POST /known HTTP/1.1\r\nHost: a\r\nContent-Length: {LIMIT + 1}\r\n"
CHUNKED = "POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
CHUNK = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"


class BodyLimits(Scenario):
    def setUp(self):
        self.port, self.behind = free_port(), self.backend()
        self.proxy = self.weir(web(self.port, [self.behind], more="limits: {body_size: 64KiB}"))

    def is_refused(self, client):
        response = client.reader.response()
        self.assertEqual((response["status"], response["fields"].get("connection")), (413, "close"))

    def holds_nothing(self):
        eventually(lambda: self.proxy.backends()[self.behind.address]["active"] == 0, "the place is free")
        errors = self.proxy.metrics()[f'weir_backend_errors_total{{pool="web",backend="{self.behind.address}"}}']
        self.assertEqual(errors, 0)
        self.assertEqual(self.client(self.port).get("/after")["status"], 200)

    def test_a_length_over_the_limit_is_refused_before_any_of_the_body(self):
        for extra in ("", "Expect: 100-continue\r\n"):
            with self.subTest(extra=extra):
                client = self.client(self.port).send(KNOWN + extra + "\r\n")
                self.is_refused(client)  # at once, and with no 100 before it
                self.assertEqual(client.rest(), b"")
        self.assertEqual(self.behind.requests, [])
        self.holds_nothing()

    def test_a_client_that_keeps_sending_sees_the_refusal(self):
        client = self.client(self.port).send(KNOWN + "\r\n")
        for _ in range(LIMIT // 1024):
            client.send(b"x" * 1024)
        client.send(b"x")
        self.is_refused(client)
        self.assertEqual(client.rest(), b"")
        self.assertEqual(self.behind.requests, [])
        self.holds_nothing()

    def test_chunks_beyond_the_limit_are_refused_though_more_come(self):
        client = self.client(self.port).send(CHUNKED + "\r\n")
        for _ in range(40):  # ten times the limit
            client.send(CHUNK)
        client.send(b"0\r\n\r\n")
        self.is_refused(client)
        self.assertEqual(client.rest(), b"")
        self.assertEqual(self.behind.requests, [])  # no complete request
        self.holds_nothing()

    def test_chunks_beyond_the_limit_are_refused_though_no_more_come(self):
        client = self.client(self.port).send(CHUNKED + "\r\n")
        for _ in range(5):
            client.send(CHUNK)
        self.is_refused(client)
        self.assertEqual(client.rest(), b"")
        self.holds_nothing()

    def test_a_body_of_just_the_limit_passes(self):
        client = self.client(self.port)
        client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LIMIT}\r\n\r\n").send(b"x" * LIMIT)
        self.assertEqual(len(client.reader.response()["body"]), LIMIT)
        client.send(CHUNKED + "\r\n").send(CHUNK * 4 + b"0\r\n\r\n")
        self.assertEqual(len(client.reader.response()["body"]), LIMIT)
        client.send(CHUNKED + "\r\n").send(CHUNK * 4 + b"1\r\nx\r\n0\r\n\r\n")
        self.is_refused(client)


if __name__ == "__main__":
    main()
