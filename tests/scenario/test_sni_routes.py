"""routes_by_sni: TLS is passed through unopened to the pool of the name that the client requests."""
import socket
import ssl

from support.certificates import Authority
from support.scenario import Scenario, eventually, free_port, main, web
from support.tls_clients import TlsClient
from support.tls_peers import TlsBackend

HELLO_TIME = "timeouts: {client_header: 500ms}\n"


class SniRoutes(Scenario):
    def setUp(self):
        super().setUp()
        self.authority, self.port = Authority(self.folder()), free_port()
        self.tls = TlsClient(self, self.authority, self.port)
        self.mail, self.wild, self.other = (
            self.secure(name) for name in ("mail.example", "*.w.example", "other.example")
        )

    def secure(self, name):
        backend = TlsBackend(self.authority.issue(name), name=name)
        self.addCleanup(backend.close)
        return backend

    def config(self, routes=None, pool="web", more="", tls_to_backends=False, **listener):
        routes = routes or {"mail.example": "mail", "*.w.example": "wild"}
        pools = f"  mail: {{backends: [{self.mail.address}]}}\n  wild: {{backends: [{self.wild.address}]}}\n"
        listener = {"protocol": "tcp", "routes_by_sni": routes, "pool": pool, **listener}
        own = {"tls": {}} if tls_to_backends else {}
        return web(self.port, [self.other], listener=listener, more=pools + more, pool=own)

    def serve(self, **keys):
        self.proxy = self.weir(self.config(**keys), workers=1)

    def answer(self, name, **settings):
        """Returns the name of the backend that a client of this name ends up with."""
        settings = {"check_hostname": False, "verify_mode": ssl.CERT_NONE, **settings}
        head, _ = self.tls.get(self.tls.connect(name, **settings))
        return next(line.split(": ")[1] for line in head.split("\r\n") if line.startswith("X-Backend"))

    def wait_ended(self, reason):
        eventually(lambda: reason in self.proxy.access_log(), f"a connection has ended with {reason}")

    def hello(self, name):
        context = self.tls.context()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secure = context.wrap_bio(incoming, outgoing, server_hostname=name)
        with self.assertRaises(ssl.SSLWantReadError):
            secure.do_handshake()
        return outgoing.read()

    def send_hello(self, pieces):
        """Returns True if a ServerHello comes."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                plain.sendall(piece)
            return plain.recv(1) == b"\x16"


class Routing(SniRoutes):
    def test_the_name_chooses_the_pool(self):
        self.serve(more="logging: {access: {format: json}}\n")
        for name, backend in (
            ("mail.example", "mail.example"),
            ("MAIL.Example", "mail.example"),
            ("x.w.example", "*.w.example"),
            ("x.y.w.example", "*.w.example"),
            ("w.example", "other.example"),
            ("elsewhere.example", "other.example"),
            (None, "other.example"),
        ):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(name=name, version=version):
                    self.assertEqual(self.answer(name, maximum_version=version), backend)
        secure = self.tls.connect("mail.example")  # verified: the certificate is the backend's own
        self.assertIn(" 200 ", self.tls.get(secure)[0])
        secure.close()
        eventually(lambda: '"pool":"mail"' in self.proxy.access_log(), "the access log names the pool")

    def test_a_name_without_a_pool_is_closed(self):
        self.serve(pool=None)
        self.assertEqual(self.answer("mail.example"), "mail.example")
        with self.assertRaises(OSError):
            self.answer("elsewhere.example")
        self.wait_ended("no_route")

    def test_the_proxy_header_comes_first(self):
        self.serve(accept_proxy_protocol=True, trusted_proxies=["127.0.0.0/8"])
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        self.addCleanup(plain.close)
        plain.sendall(b"PROXY TCP4 203.0.113.7 192.0.2.1 4444 443\r\n")
        secure = self.tls.context().wrap_socket(plain, server_hostname="mail.example")
        self.assertIn(" 200 ", self.tls.get(secure)[0])

    def test_a_reload_moves_a_name_and_keeps_connections(self):
        self.serve()
        secure = self.tls.connect("mail.example")
        self.assertIn("mail.example", self.tls.get(secure)[0])
        report = self.proxy.reload(self.config({"mail.example": "wild"}))
        self.assertEqual(report["verdict"], "applied")
        self.assertEqual(self.answer("mail.example"), "*.w.example")
        self.assertIn("mail.example", self.tls.get(secure)[0])


class Hellos(SniRoutes):
    def setUp(self):
        super().setUp()
        self.serve(more=HELLO_TIME)

    def test_a_hello_may_come_in_any_pieces(self):
        hello = self.hello("mail.example")
        body = hello[5:]
        records = [body[i : i + 50] for i in range(0, len(body), 50)]
        split = b"".join(hello[:3] + len(part).to_bytes(2, "big") + part for part in records)
        for pieces in ([hello], [hello[i : i + 1] for i in range(len(hello))], [hello[:3], hello[3:]], [split]):
            self.assertTrue(self.send_hello(pieces))
        eventually(lambda: len(self.mail.connections) == 4, "all reach the backend")
        self.assertEqual(self.other.connections, [])

    def test_what_is_not_tls_goes_to_the_listeners_pool(self):
        client = self.client(self.port)
        client.send("GET / HTTP/1.1\r\nHost: mail.example\r\n\r\n")
        eventually(lambda: len(self.other.connections) == 1, "the connection is passed on")
        self.assertEqual(self.mail.connections, [])

    def test_an_over_long_hello_is_refused(self):
        start = b"\x16\x03\x01\x40\x00\x01\x01\x00\x00"
        with self.assertRaises(ConnectionError):
            self.send_hello([start + bytes(100)])
        self.wait_ended("request_header_too_large")

    def test_a_flood_of_tiny_records_is_refused(self):
        message = b"\x01\x00\x20\x00" + bytes(8000)
        with self.assertRaises(ConnectionError):
            self.send_hello([b"".join(b"\x16\x03\x01\x00\x01%c" % byte for byte in message)])
        self.wait_ended("request_header_too_large")

    def test_a_client_that_does_not_finish_its_hello_is_closed(self):
        hello = self.hello("mail.example")
        for pieces in ([], [hello[:-1]]):
            with self.assertRaises(ConnectionError):
                if self.send_hello(pieces) is False:
                    raise ConnectionError
        self.wait_ended("client_timeout")
        self.assertEqual(self.mail.connections, [])

    def test_a_client_that_leaves_within_its_hello_is_logged(self):
        with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
            plain.sendall(self.hello("mail.example")[:100])
        self.wait_ended("client_closed")

    def test_stalled_hellos_do_not_delay_others(self):
        stalled = []
        for _ in range(200):
            plain = socket.create_connection(("127.0.0.1", self.port), 10)
            self.addCleanup(plain.close)
            plain.sendall(b"\x16\x03")
            stalled.append(plain)
        self.assertEqual(self.answer("mail.example"), "mail.example")


class Refused(SniRoutes):
    def test_settings_that_cannot_work_are_refused(self):
        self.serve()
        pair = self.authority.issue("a.example")
        for words, keys in (
            ("only protocol: tcp passes TLS through", {"protocol": "http"}),
            ("has no effect with tls", {"tls": {"certificates": [pair]}}),
            ('unknown pool "mails" (did you mean "mail"?)', {"routes": {"a.example": "mails"}}),
            ("is not a DNS name", {"routes": {"A.example": "mail"}}),
            ("is not a DNS name", {"routes": {"a.example.": "mail"}}),
            ("is not a DNS name", {"routes": {"a.example:443": "mail"}}),
            ("it would be encrypted twice", {"tls_to_backends": True}),
        ):
            with self.subTest(words):
                report = self.proxy.reload(self.config(**keys))
                self.assertEqual(report["verdict"], "refused")
                self.assertIn(words, report["errors"][0])


if __name__ == "__main__":
    main()
