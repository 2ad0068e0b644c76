"""TLS to clients: certificates by SNI, versions, handshakes that fail or stall, and certificates that change."""
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import threading

from support.certificates import Authority
from support.scenario import SANITIZED, WEIR, Scenario, eventually, free_port, main, web
from support.tls_clients import TlsClient

STREAM = 3_000_000


class Tls(Scenario):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder())
        self.pair = self.authority.issue("a.example", "localhost")
        self.port = free_port()

    def serve(self, *more_pairs, more="", **keys):
        self.seen = self.backend()
        listener = {"tls": {"certificates": [self.pair, *more_pairs], **keys.pop("tls", {})}, **keys.pop("own", {})}
        watch = keys.pop("watch", False)
        config = web(self.port, [self.seen], listener=listener, more=more, **keys)
        self.proxy = self.weir(config, workers=1, watch=watch)

    def client_tls(self):
        return TlsClient(self, self.authority, self.port)

    def context(self, **settings):
        return self.client_tls().context(**settings)

    def connect(self, name="a.example", context=None, **settings):
        return self.client_tls().connect(name, context, **settings)

    def get(self, secure, path="/", fields=""):
        return self.client_tls().get(secure, path, fields=fields)

    def read_response(self, secure):
        return self.client_tls().read_response(secure)

    def failures(self):
        return self.proxy.metrics()['weir_tls_handshake_failures_total{listener="web"}']

    def names_of(self, secure):
        return [value for _, value in secure.getpeercert()["subjectAltName"]]


class Serving(Tls):
    def test_requests_are_served_and_the_backend_is_sent_the_scheme(self):
        self.serve(more="logging: {access: {format: json}}")
        certificate = self.proxy.status()["listeners"][0]["certificates"][0]
        self.assertEqual(certificate["names"], ["a.example", "localhost"])
        self.assertEqual(certificate["days_left"], 29)
        secure = self.connect()
        for _ in range(3):
            self.assertIn("HTTP/1.1 200", self.get(secure)[0])
        self.assertEqual(self.seen.requests[-1]["fields"]["x-forwarded-proto"], "https")
        eventually(lambda: self.proxy.access_log().count("\n") == 3, "three lines")
        line = json.loads(self.proxy.access_log().splitlines()[0])
        self.assertEqual((line["tls_version"], line["tls_cipher"]), ("TLSv1.3", "TLS_AES_128_GCM_SHA256"))

    def test_bodies_pass_both_ways(self):
        self.serve()
        body = bytes(range(256)) * (STREAM // 256)
        url = f"https://a.example:{self.port}/"
        for version in ("1.2", "1.3"):
            with open(f"{self.authority.folder}/body", "wb") as f:
                f.write(body)
            said = subprocess.run(
                ["curl", "-sS", "--cacert", self.authority.root, "--resolve", f"a.example:{self.port}:127.0.0.1"]
                + [f"--tlsv{version}", "--tls-max", version, "--data-binary", f"@{self.authority.folder}/body", url],
                capture_output=True,
                timeout=60,
            )
            self.assertEqual(said.stderr, b"")
            self.assertEqual(self.seen.requests[-1]["body"], body)

    def test_the_sticky_cookie_is_secure(self):
        self.serve(pool={"sticky": {}})
        self.assertRegex(self.get(self.connect())[0], r"(?i)set-cookie: weir_backend=\S+;.*\bSecure\b")

    def test_the_proxy_header_comes_before_tls(self):
        self.serve(own={"accept_proxy_protocol": True, "trusted_proxies": ["127.0.0.0/8"]})
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        self.addCleanup(plain.close)
        plain.sendall(b"PROXY TCP4 203.0.113.7 192.0.2.1 4444 443\r\n")
        secure = self.context().wrap_socket(plain, server_hostname="a.example")
        self.assertIn(" 200 ", self.get(secure)[0])
        self.assertEqual(self.seen.requests[-1]["fields"]["x-forwarded-for"], "203.0.113.7")

    def test_a_closed_connection_ends_with_close_notify(self):
        self.serve()
        secure = self.connect()
        self.get(secure, fields="Connection: close\r\n")
        self.assertEqual(secure.recv(1), b"")  # Python reports an end without close_notify as an error

    def test_a_tcp_listener_terminates_tls(self):
        def serve(connection):
            got = b""
            with connection:
                while got != b"one two":
                    got += connection.recv(65536)
                connection.sendall(b"all: " + got)

        listener = {"protocol": "tcp", "tls": {"certificates": [self.pair]}}
        self.proxy = self.weir(web(self.port, [self.raw_backend(serve)], listener=listener), workers=1)
        secure = self.connect()
        secure.sendall(b"one ")
        secure.sendall(b"two")
        got = b""
        while piece := secure.recv(65536):  # until close_notify
            got += piece
        self.assertEqual(got, b"all: one two")


class Choosing(Tls):
    def test_the_certificate_follows_the_name(self):
        exact, wildcard = self.authority.issue("b.example"), self.authority.issue("*.b.example")
        self.serve(exact, wildcard)
        for asked, names in (
            ("b.example", ["b.example"]),
            ("B.EXAMPLE", ["b.example"]),
            ("x.b.example", ["*.b.example"]),
            ("a.example", ["a.example", "localhost"]),
        ):
            self.assertEqual(self.names_of(self.connect(asked)), names)
        unknown = self.context(check_hostname=False)
        for asked in ("other.example", "x.y.b.example", None):
            self.assertEqual(self.names_of(self.connect(asked, unknown)), ["a.example", "localhost"])

    def test_rsa_and_ecdsa_serve_one_name(self):
        self.serve(self.authority.issue("a.example", key="rsa"))
        for suites, kind in (("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA"), ("ECDHE-RSA-AES128-GCM-SHA256", "RSA")):
            context = self.context(maximum_version=ssl.TLSVersion.TLSv1_2)
            context.set_ciphers(suites)
            self.assertIn(kind, self.connect(context=context).cipher()[0])

    def test_a_version_below_the_minimum_is_refused(self):
        self.serve(tls={"min_version": "1.3"})
        self.assertEqual(self.connect().version(), "TLSv1.3")
        with self.assertRaises(ssl.SSLError):
            self.connect(maximum_version=ssl.TLSVersion.TLSv1_2)
        eventually(lambda: "unsupported protocol" in self.proxy.log(), "the reason is logged")

    def choose(self, *offered):
        context = self.context()
        context.set_alpn_protocols(offered)
        return self.connect(context=context).selected_alpn_protocol()

    def test_clients_that_offer_http_2_by_alpn_get_it(self):
        self.serve()
        self.assertEqual(self.choose("http/1.1", "h2"), "h2")
        self.assertEqual(self.choose("http/1.1"), "http/1.1")

    def test_http_2_is_not_offered_if_the_listener_turns_it_off(self):
        self.serve(own={"http2": False})
        self.assertEqual(self.choose("h2", "http/1.1"), "http/1.1")
        self.assertNotIn("http2", self.proxy.status()["listeners"][0])

    def test_tcp_listeners_choose_no_protocol(self):
        self.serve(own={"protocol": "tcp"})
        self.assertIsNone(self.choose("h2", "http/1.1"))

    def test_a_session_is_resumed(self):
        self.serve()
        context = self.context()
        first = self.connect(context=context)
        self.get(first)
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        self.addCleanup(plain.close)
        second = context.wrap_socket(plain, server_hostname="a.example", session=first.session)
        self.assertTrue(second.session_reused)
        resumed = 'weir_tls_resumed_total{listener="web"}'
        eventually(lambda: self.proxy.metrics()[resumed] == 1, "it is counted")


class Failing(Tls):
    def test_plain_http_on_the_tls_port_gets_a_plain_400(self):
        self.serve()
        with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            answer = plain.makefile("rb").read()
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "))
            self.assertIn(b"This port expects HTTPS", answer)
        eventually(lambda: "tls_handshake_failed" in self.proxy.access_log(), "the access log has it")

    def test_tls_on_a_plain_port_gets_a_plain_400(self):
        port = free_port()
        self.serve()
        self.proxy.reload(web(port, [self.seen]))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context().wrap_bio(incoming, outgoing, server_hostname="a.example")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            plain.sendall(outgoing.read())
            self.assertTrue(plain.recv(65536).startswith(b"HTTP/1.1 400 "))
        self.assertEqual(self.seen.requests, [])

    def test_garbage_is_refused_and_others_are_served(self):
        self.serve()
        for garbage in (b"\x16\x03\x01\xff\xff" + b"x" * 500, b"\0" * 100, b"\x80\x2e\x01\x03\x01" + b"\0" * 50):
            with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
                plain.sendall(garbage)
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(65536):
                    pass
        self.assertIn(" 200 ", self.get(self.connect())[0])
        self.assertEqual(self.failures(), 3)

    def by_hand(self, plain, pieces=65536):
        """Returns a TLS client whose bytes the test itself sends and receives, after its handshake."""
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context().wrap_bio(incoming, outgoing, server_hostname="a.example")
        while True:
            try:
                client.do_handshake()
            except ssl.SSLWantReadError:
                while piece := outgoing.read(pieces):
                    plain.sendall(piece)
                incoming.write(plain.recv(65536))
            else:
                plain.sendall(outgoing.read())
                return client, incoming, outgoing

    def test_a_client_hello_may_arrive_byte_by_byte(self):
        self.serve()
        with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
            self.assertEqual(self.by_hand(plain, pieces=1)[0].version(), "TLSv1.3")

    def test_close_notify_of_a_client_does_not_end_its_response(self):
        asked, answer = threading.Event(), threading.Event()

        def serve(connection):
            with connection:
                connection.recv(65536)
                asked.set()
                answer.wait(20)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

        listener = {"tls": {"certificates": [self.pair]}}
        self.proxy = self.weir(web(self.port, [self.raw_backend(serve)], listener=listener), workers=1)
        with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
            client, incoming, outgoing = self.by_hand(plain)
            client.write(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            with self.assertRaises(ssl.SSLWantReadError):
                client.unwrap()
            plain.sendall(outgoing.read())
            self.assertTrue(asked.wait(20))
            answer.set()
            got = b""
            while piece := plain.recv(65536):
                got += piece
        eventually(lambda: " 200 " in self.proxy.access_log(), "it is logged as a success")
        self.assertGreater(len(got), 100)

    def test_a_connection_that_says_nothing_is_no_failure(self):
        self.serve()
        socket.create_connection(("127.0.0.1", self.port), 10).close()
        self.assertIn(" 200 ", self.get(self.connect())[0])
        eventually(lambda: " 200 " in self.proxy.access_log(), "the request is logged")
        self.assertNotIn("tls_handshake_failed", self.proxy.access_log())
        self.assertEqual(self.failures(), 0)

    def test_a_client_that_is_cut_off_within_its_body_counts_as_gone(self):
        self.serve()
        secure = self.connect()
        secure.sendall(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\nhalf")
        socket.socket.shutdown(secure, socket.SHUT_WR)  # without close_notify
        eventually(lambda: "client_closed" in self.proxy.access_log(), "it counts as gone")
        self.assertEqual(self.seen.requests, [])


class Changing(Tls):
    def fingerprint(self):
        return self.connect().getpeercert(binary_form=True)

    def test_a_changed_certificate_is_used_without_a_reload(self):
        self.serve(watch=True)
        before = self.fingerprint()
        self.authority.issue("a.example", to=self.pair)
        eventually(lambda: self.fingerprint() != before, "the new certificate is served")
        self.proxy.wait_logged("(?s)has a new certificate for a.example.*has a new certificate for a.example")

    def test_a_key_that_others_can_read_is_reported(self):
        self.serve()
        self.assertNotIn("can be read by its group or other users", self.proxy.log())
        os.chmod(self.authority.issue("a.example", to=self.pair)["key"], 0o640)
        self.proxy.reload()
        self.proxy.wait_logged(f"the private key {self.pair['key']} can be read by its group or other users")

    def test_a_bad_pair_is_refused_and_the_old_one_stays(self):
        self.serve(watch=True)
        before = self.fingerprint()
        other = self.authority.issue("a.example")
        subprocess.run(["mv", other["key"], self.pair["key"]], check=True)
        self.proxy.wait_logged(r"(?s)reload refused.*listeners\.web\.tls\.certificates\[0\]\.key")
        self.assertEqual(self.fingerprint(), before)
        subprocess.run(["mv", other["cert"], self.pair["cert"]], check=True)
        eventually(lambda: self.fingerprint() != before, "once they match, they are served")

    def test_no_handshake_fails_while_certificates_change(self):
        self.serve()
        with self.load() as done:
            for change in range(12 if SANITIZED else 100):
                before = len(done)
                self.authority.issue("a.example", to=self.pair)
                self.proxy.reload()
                eventually(lambda: len(done) > before + 2, "connections are made")
                if change == 10:
                    memory = self.proxy.memory()
            if not SANITIZED:  # a sanitizer keeps what is freed
                self.assertLess(self.proxy.memory(), memory + 8 * 1024)

    def test_no_handshake_fails_while_a_new_process_takes_over(self):
        self.serve()
        pid = self.proxy.status()["pid"]
        with self.load() as done:
            self.proxy.signal(signal.SIGUSR2)
            self.proxy.wait_replaced(pid)
            before = len(done)
            eventually(lambda: len(done) > before + 5, "connections are made")
        self.assertIn(" 200 ", self.get(self.connect())[0])

    @contextlib.contextmanager
    def load(self):
        """Connects and sends requests in a loop; every handshake and request must succeed."""
        failed, done, stop = [], [], threading.Event()

        def keep_connecting():
            while not stop.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
                        with self.context().wrap_socket(plain, server_hostname="a.example") as secure:
                            self.get(secure)
                    done.append(1)
                except (OSError, AssertionError) as problem:
                    failed.append(repr(problem))

        thread = threading.Thread(target=keep_connecting)
        thread.start()
        try:
            yield done
        finally:
            stop.set()
            thread.join()
        self.assertEqual(failed, [])


class Checking(Tls):
    def check(self, *pairs, **tls):
        path = f"{self.authority.folder}/weir.yaml"
        with open(path, "w") as f:
            f.write(web(self.port, ["127.0.0.1:1"], listener={"tls": {"certificates": list(pairs), **tls}}))
        done = subprocess.run([WEIR, "check", "-c", path], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout + done.stderr

    def test_check_validates_every_pair(self):
        good, other = self.pair, self.authority.issue("b.example")
        self.assertEqual(self.check(good, other)[0], 0)
        code, said = self.check(good, {"cert": good["cert"], "key": other["key"]})
        self.assertEqual(code, 1)
        self.assertIn("listeners.web.tls.certificates[1].key", said)
        for pair, place, reason in (
            ({"cert": "/nonexistent.pem", "key": good["key"]}, "cert", "there is no file /nonexistent.pem"),
            ({"cert": good["cert"], "key": "/nonexistent.key"}, "key", "there is no file /nonexistent.key"),
            ({"cert": good["key"], "key": good["key"]}, "cert", "no certificate"),
            ({"cert": "relative.pem", "key": good["key"]}, "cert", "write an absolute path"),
        ):
            code, said = self.check(pair)
            self.assertEqual(code, 1)
            self.assertIn(f"listeners.web.tls.certificates[0].{place}", said)
            self.assertIn(reason, said)
        for ciphers in ("NONSENSE", "ECDHE-ECDSA-AES128-GCM-SHA256:NONSENSE"):
            self.assertIn('listeners.web.tls: "NONSENSE" names no cipher', self.check(good, ciphers=ciphers)[1])
        recent = self.check(good, ciphers="TLS_AES_128_GCM_SHA256:ECDHE+AESGCM")[1]
        self.assertIn('"TLS_AES_128_GCM_SHA256" is a cipher suite of TLS 1.3: leave it out', recent)
        self.assertEqual(self.check(good, ciphers="ECDHE+AESGCM:CHACHA20:!aNULL:!RC4:-AES256:@STRENGTH")[0], 0)
        self.assertIn('"certificates" is missing', self.check()[1])


if __name__ == "__main__":
    main()
