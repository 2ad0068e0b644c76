"""TLS to backends: verification, names, client certificates, sessions, health checks, and changes of the settings."""
import os
import subprocess

from support.certificates import Authority
from support.nginx import start_nginx
from support.scenario import WEIR, Scenario, eventually, free_port, main, web
from support.tls_peers import TlsBackend

OLD = "2020-01-01 00:00:00"  # certificates made at this time have expired


class BackendTls(Scenario):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder())
        self.port = free_port()

    def secure(self, *names, pair=None, **keys):
        backend = TlsBackend(pair or self.authority.issue(*(names or ("app.example",))), **keys)
        self.addCleanup(backend.close)
        return backend

    def config(self, *backends, tls=None, pool=None, **keys):
        settings = {"ca": self.authority.root, "server_name": "app.example", **(tls or {})}
        settings = {key: value for key, value in settings.items() if value is not None}
        return web(self.port, backends, pool={"tls": settings, **(pool or {})}, **keys)

    def serve(self, *backends, **keys):
        self.proxy = self.weir(self.config(*backends, **keys), workers=1)

    def get(self, path="/"):
        return self.client(self.port).get(path)


class Requests(BackendTls):
    def test_requests_share_a_verified_connection(self):
        backend = self.secure()
        self.serve(backend)
        for _ in range(5):
            self.assertEqual(self.get()["status"], 200)
        self.assertEqual(len(backend.handshakes), 1)
        seen = backend.handshakes[0]
        self.assertEqual((seen["name"], seen["version"], seen["alpn"]), ("app.example", "TLSv1.3", "http/1.1"))

    def test_the_name_is_the_backends_host_by_default(self):
        backend = self.secure("localhost")
        self.serve(f"localhost:{backend.port}", tls={"server_name": None})
        self.assertEqual(self.get()["status"], 200)
        self.assertEqual(backend.handshakes[0]["name"], "localhost")

    def test_an_ip_address_is_verified_and_not_sent_as_a_name(self):
        right, wrong = self.secure("127.0.0.1"), self.secure("127.0.0.2")
        self.serve(right, tls={"server_name": None})
        self.assertEqual(self.get()["status"], 200)
        self.assertIsNone(right.handshakes[0]["name"])
        self.assertEqual(self.proxy.reload(self.config(wrong, tls={"server_name": None}))["verdict"], "applied")
        self.assertEqual(self.get()["status"], 502)
        self.proxy.wait_logged("IP address mismatch")

    def test_bodies_pass_both_ways(self):
        backend = self.secure()
        self.serve(backend)
        body = bytes(range(256)) * 12_000
        head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        answer = self.client(self.port).send(head + body).reader.response()
        self.assertEqual(answer["body"], body)

    def test_a_request_is_refused_by_each_kind_of_wrong_certificate(self):
        stranger = Authority(self.folder(), "stranger")
        old = self.authority.issue("app.example", at=OLD)
        alone = self.authority.issue("app.example", chain=False)
        for reason, pair in (
            ("hostname mismatch", self.authority.issue("other.example")),
            ("self-signed certificate in certificate chain|unable to get local issuer", stranger.issue("app.example")),
            ("certificate has expired", old),
            ("unable to get local issuer certificate", alone),
        ):
            with self.subTest(reason):
                backend = self.secure(pair=pair)
                self.serve(backend, more="logging: {access: {format: json}}")
                self.assertEqual(self.get()["status"], 502)
                self.proxy.wait_logged(f"backend_tls_failed.*({reason})")
                eventually(lambda: "backend_tls_failed" in self.proxy.access_log(), "the access log has the reason")
                self.assertEqual(backend.requests, [])
                self.proxy.stop()

    def test_a_backend_that_does_not_speak_tls_gets_no_request(self):
        def refuse(connection):
            self.assertNotIn(b"GET", connection.recv(65536))
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        self.serve(self.raw_backend(refuse))
        self.assertEqual(self.get()["status"], 502)
        self.proxy.wait_logged("backend_tls_failed.*the peer does not seem to speak TLS")

    def test_another_backend_is_tried_after_a_failed_handshake(self):
        good, bad = self.secure(name="good"), self.secure("other.example", name="bad")
        self.serve(bad, good)
        for _ in range(4):
            self.assertEqual(self.get()["status"], 200)
        self.assertEqual(bad.requests, [])

    def test_a_handshake_that_stalls_ends_with_the_connect_timeout(self):
        silent = self.raw_backend(lambda connection: connection.recv(1 << 20) and connection.recv(1))
        self.serve(silent, more="timeouts: {connect: 300ms}")
        self.assertEqual(self.get()["status"], 504)
        self.proxy.wait_logged("connect_timeout.*TLS handshake")

    def test_without_verification_any_certificate_will_do(self):
        backend = self.secure("other.example", pair=Authority(self.folder(), "stranger").issue("x.example"))
        self.serve(backend, tls={"verify": False, "ca": None})
        self.assertEqual(self.get()["status"], 200)

    def test_the_client_certificate_is_sent(self):
        own = self.authority.issue("weir.example")
        backend = self.secure(client_ca=self.authority.root)
        self.serve(backend, tls=own)
        self.assertEqual(self.get()["status"], 200)
        self.assertIn((("commonName", "weir.example"),), backend.handshakes[0]["client"]["subject"])

    def test_a_backend_that_refuses_the_client_certificate_is_named_as_such(self):
        """With TLS 1.3 it says so only after the handshake, when the request may have been sent."""
        for version, alert in (("TLSv1_2", "handshake failure"), ("TLSv1_3", "certificate required")):
            with self.subTest(version):
                backend = self.secure(client_ca=self.authority.root, versions=(version, version))
                self.serve(backend)
                self.assertEqual(self.get()["status"], 502)
                self.proxy.wait_logged(f"backend_tls_failed: .*alert {alert}")
                self.proxy.stop()

    def test_the_proxy_header_comes_before_the_handshake(self):
        backend = self.secure(proxy_header=True)
        self.serve(backend, pool={"send_proxy_protocol": "v1"})
        for _ in range(2):
            self.assertEqual(self.get()["status"], 200)
        self.assertEqual(len(backend.headers), 2)
        self.assertRegex(backend.headers[0], rb"PROXY TCP4 127.0.0.1 127.0.0.1 \d+ \d+\r\n")
        self.assertEqual(len(backend.requests), 2)

    def test_new_connections_resume_a_session(self):
        for version in ("TLSv1_2", "TLSv1_3"):
            with self.subTest(version):
                backend = self.secure(versions=(version, version), script=self.close_after)
                self.serve(backend)
                for _ in range(4):
                    self.assertEqual(self.get()["status"], 200)
                eventually(lambda: len(backend.handshakes) == 4, "four connections")
                self.assertEqual([seen["resumed"] for seen in backend.handshakes], [False, True, True, True])
                self.proxy.stop()

    @staticmethod
    def close_after(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

    def test_tcp_connections_are_encrypted_to_the_backend(self):
        backend = self.secure()
        self.serve(backend, listener={"protocol": "tcp"})
        self.assertEqual(self.get()["status"], 200)
        self.assertIsNone(backend.handshakes[0]["alpn"])


class Nginx(BackendTls):
    """A real web server, which closes connections after 100 requests or a second of silence."""

    CONFIG = """
  client_max_body_size 0;
  keepalive_timeout 1s; keepalive_requests 100;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {cert}; ssl_certificate_key {key};
    ssl_client_certificate {ca}; ssl_verify_client on; ssl_verify_depth 3; ssl_protocols TLSv1.2 TLSv1.3;
    root {d}/www;
    location /upload/ {{ dav_methods PUT; create_full_put_path on; alias {d}/www/; }}
    location /who {{ return 200 "$ssl_client_s_dn $ssl_server_name $ssl_protocol"; }}
  }}
"""

    def setUp(self):
        super().setUp()
        folder, port = self.folder(), free_port()
        os.mkdir(f"{folder}/www")
        self.www = f"{folder}/www"
        pair = self.authority.issue("app.example")
        start_nginx(self, folder, port, self.CONFIG.format(d=folder, port=port, ca=self.authority.root, **pair))
        self.serve(f"127.0.0.1:{port}", tls=self.authority.issue("weir.example"))

    def test_it_sees_the_client_certificate_and_the_name(self):
        self.assertEqual(self.get("/who")["body"], b"CN=weir.example app.example TLSv1.3")

    def test_no_request_is_lost_when_it_closes_idle_connections(self):
        client = self.client(self.port)
        for _ in range(350):
            self.assertEqual(client.get("/who")["status"], 200)
        eventually(lambda: self.proxy.backends()[self.name()]["idle"] == 0, "nginx has closed it")
        self.assertEqual(client.get("/who")["status"], 200)
        self.assertEqual(self.proxy.backends()[self.name()]["failures"], 0)

    def name(self):
        return next(iter(self.proxy.backends()))

    def test_large_bodies_arrive_whole(self):
        body = os.urandom(20_000_000)
        head = f"PUT /upload/large HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        client = self.client(self.port)
        self.assertEqual(client.send(head + body).reader.response()["status"], 201)
        self.assertEqual(client.get("/large")["body"], body)


class Checks(BackendTls):
    CHECK = {"interval": "100ms", "timeout": "100ms", "fall": 1, "rise": 1}

    def test_probes_use_the_same_settings(self):
        good, bad = self.secure(name="good"), self.secure("other.example", name="bad")
        own = self.authority.issue("weir.example")
        for kind in ("http", "tcp"):
            with self.subTest(kind):
                self.serve(good.entry(), bad.entry(), check={"type": kind, **self.CHECK}, tls=own)
                eventually(lambda: sorted(self.proxy.states()) == ["down", "up"], "one is up, one is down")
                seen = self.proxy.backends()
                self.assertEqual(seen["good"]["state"], "up")
                self.assertIn("hostname mismatch", seen["bad"]["last_failure"])
                self.proxy.wait_logged("backend web/bad is down: the TLS handshake failed: hostname mismatch")
                self.proxy.stop()

    def test_a_heartbeat_is_sent_over_tls(self):
        def answer(connection):
            if connection.recv(100) == b"heartbeat":
                connection.sendall(b"OK")

        backend = self.secure(talk=answer)
        self.serve(backend.entry(), check={"type": "heartbeat", **self.CHECK})
        eventually(lambda: self.proxy.states() == ["up"], "the backend is up")

    def test_probes_may_be_plain(self):
        plain, secure = self.backend(), self.secure()
        self.serve(secure.entry(), check={"port": plain.port, "tls": False, **self.CHECK})
        eventually(lambda: self.proxy.states() == ["up"], "the backend is up")
        self.assertEqual(self.get()["status"], 200)


class Changes(BackendTls):
    def test_connections_survive_a_reload_that_does_not_change_the_settings(self):
        backend = self.secure()
        self.serve(backend)
        self.assertEqual(self.get()["status"], 200)
        report = self.proxy.reload(self.config(backend, more="limits: {header_count: 90}"))
        self.assertEqual(report["verdict"], "applied")
        self.assertEqual(self.get()["status"], 200)
        self.assertEqual(len(backend.handshakes), 1)

    def test_connections_made_with_other_settings_are_not_used_again(self):
        backend = self.secure()
        self.serve(backend)
        self.assertEqual(self.get()["status"], 200)
        stranger = Authority(self.folder(), "stranger")
        self.proxy.reload(self.config(backend, tls={"ca": stranger.root}))
        self.assertEqual(self.get()["status"], 502)
        self.proxy.reload(self.config(backend))
        self.assertEqual(self.get()["status"], 200)
        self.assertFalse(backend.handshakes[-1]["resumed"])

    def test_a_changed_ca_file_takes_effect_by_itself(self):
        backend = self.secure()
        stranger = Authority(self.folder(), "stranger")
        ca = os.path.join(self.folder(), "ca.pem")
        subprocess.run(["cp", stranger.root, ca], check=True)
        self.proxy = self.weir(self.config(backend, tls={"ca": ca}), workers=1, watch=True)
        self.assertEqual(self.get()["status"], 502)
        subprocess.run(["cp", self.authority.root, ca + ".new"], check=True)
        os.rename(ca + ".new", ca)
        eventually(lambda: self.get()["status"] == 200, "the new authority is trusted")


class Files(BackendTls):
    def check(self, **tls):
        folder = self.folder()
        path = os.path.join(folder, "weir.yaml")
        with open(path, "w") as f:
            f.write(self.config("127.0.0.1:1", tls=tls))
        done = subprocess.run([WEIR, "check", "-c", path], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_files_that_cannot_be_used_are_refused(self):
        empty = os.path.join(self.folder(), "empty.pem")
        with open(empty, "w"):
            pass
        one, two = self.authority.issue("a.example"), self.authority.issue("b.example")
        for words, tls in (
            ("there is no file /none/ca.pem; create it", {"ca": "/none/ca.pem"}),
            ("is empty; write the certificates", {"ca": empty}),
            ("does not match the first certificate", {"cert": one["cert"], "key": two["key"]}),
            ('"key" is missing', {"cert": one["cert"]}),
            ("write an absolute path", {"ca": "ca.pem"}),
            ("has no effect with verify: false", {"verify": False}),
            ("without a wildcard", {"server_name": "*.example"}),
            ("is not a DNS name", {"server_name": "app.example:8443"}),
            ("is not a DNS name", {"server_name": "a..b"}),
            ("is not a DNS name", {"server_name": "x" * 300}),
        ):
            with self.subTest(words):
                code, text = self.check(**tls)
                self.assertEqual(code, 1, text)
                self.assertIn(words, text)
                self.assertRegex(text, r"weir.yaml:\d+:\d+: pools\.web\.tls")


if __name__ == "__main__":
    main()
