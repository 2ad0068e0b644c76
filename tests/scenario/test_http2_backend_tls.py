"""HTTP/2 to backends over TLS: ALPN, the choice of the version with `auto`, and certificates."""
from support import http2_frames as h2
from support.certificates import Authority
from support.http2_backend_scenario import Http2BackendScenario, hold
from support.peers import Backend
from support.scenario import eventually, main
from support.tls_peers import TlsBackend


class TlsScenario(Http2BackendScenario):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder())
        self.pair = self.authority.issue("app.example")
        self.tls = {"ca": self.authority.root, "server_name": "app.example"}

    def secure(self, *args, pair=None, **keys):
        """Starts a backend that speaks HTTP/2 and, if it selects that, HTTP/1.1."""
        plain = Backend(name=keys.get("name", "b") + "-http1")
        self.addCleanup(plain.close)
        backend = self.http2_backend(*args, pair=pair or self.pair, http1=plain.serve, **keys)
        backend.plain = plain
        return backend

    def serve_secure(self, *backends, protocol="http2", **keys):
        self.serve_behind(*backends, pool={"protocol": protocol, "tls": self.tls}, **keys)

    def name_of_server(self):
        """Returns the name of the backend that has served a request."""
        return self.answer()["fields"]["x-backend"]


class OverTls(TlsScenario):
    def test_alpn_selects_http_2(self):
        seen = self.secure(protocols=("http/1.1", "h2"))  # it prefers HTTP/1.1, which weir does not offer
        self.serve_secure(seen)
        self.assert_healthy()
        self.assertEqual(seen.handshakes, [{"alpn": "h2", "name": "app.example"}])
        self.assertEqual({call.fields[":scheme"] for call in seen.calls}, {"https"})
        self.assertEqual(seen.plain.requests, [])

    def test_a_backend_that_does_not_select_http_2_is_a_clear_failure(self):
        for protocols in (("http/1.1",), ()):
            with self.subTest(protocols=protocols):
                seen = self.secure(protocols=protocols)
                self.serve_secure(seen)
                for method in ("GET", "POST"):
                    self.assertEqual(self.answer(method=method)["status"], 502)
                self.proxy.wait_logged("request failed: backend_.*(ALPN|HTTP/2|h2)")
                self.assertEqual((seen.calls, seen.plain.requests), ([], []))

    def test_another_backend_is_tried(self):
        self.serve_secure(self.secure(protocols=("http/1.1",), name="old"), self.secure(name="new"))
        for _ in range(4):
            self.assertEqual(self.name_of_server(), "new")

    def test_the_certificate_is_verified(self):
        seen = self.secure(pair=self.authority.issue("other.example"))
        self.serve_secure(seen)
        self.assertEqual(self.answer()["status"], 502)
        self.proxy.wait_logged("backend_tls_failed.*hostname mismatch")
        self.assertEqual(seen.calls, [])

    def test_large_bodies_pass_both_ways(self):
        seen = self.secure()
        self.serve_secure(seen)
        body = bytes(range(256)) * 8_000
        self.assertTrue(self.upload(body).reader.response()["body"] == body)
        client = self.connect()
        view = client.request("POST", end=False)
        client.upload(view, body)
        self.assertTrue(client.finish(view).body == body)
        self.assertEqual(len(seen.handshakes), 1)

    def test_clients_share_a_connection(self):
        seen = self.secure(hold)
        self.serve_secure(seen)
        clients = [self.ask(f"/{number}") for number in range(50)]
        for call in reversed(seen.wait_calls(50)):
            call.respond(call.path.encode())
        for number, client in enumerate(clients):
            self.assertEqual(client.reader.response()["body"], b"/%d" % number)
        self.assertEqual(len(seen.handshakes), 1)

    def test_a_connection_that_breaks_is_replaced(self):
        seen = self.secure()
        self.serve_secure(seen)
        for way in ("close", "kill"):
            self.assertEqual(self.answer()["status"], 200)
            getattr(seen.open_links()[-1], way)()
            eventually(lambda: not seen.open_links(), "it is gone")
            self.assertEqual(self.answer()["status"], 200)

    def test_a_handshake_that_stalls_ends_with_the_connect_timeout(self):
        silent = self.raw_backend(lambda connection: connection.recv(1 << 20) and connection.recv(1))
        silent.entry = lambda **_: {"name": "silent", "address": silent.address}
        self.serve_secure(silent, more="timeouts: {connect: 500ms}\n")
        clients = [self.ask(f"/{number}") for number in range(5)]
        self.assertEqual({client.reader.response()["status"] for client in clients}, {504})

    def test_settings_that_do_not_come_are_a_failure_of_the_backend(self):
        seen = self.secure(greet=lambda link: None)
        self.serve_secure(seen, more="timeouts: {connect: 500ms}\n")
        self.assertEqual(self.answer()["status"], 502)

    def test_changed_files_lead_to_new_connections(self):
        seen = self.secure()
        self.serve_secure(seen)
        self.assertEqual(self.answer()["status"], 200)
        self.tls = {"verify": False, "server_name": "app.example"}
        changed = self.config_of(seen, pool={"protocol": "http2", "tls": self.tls})
        self.assertEqual(self.proxy.reload(changed)["verdict"], "applied")
        self.assertEqual(self.answer()["status"], 200)
        self.assertEqual(len(seen.handshakes), 2)
        eventually(lambda: seen.links[0].closed, "the old connection is closed")
        self.assertEqual(self.proxy.reload(changed)["verdict"], "unchanged")
        self.assertEqual(self.answer()["status"], 200)
        self.assertEqual(len(seen.handshakes), 2)

    def test_the_protocol_may_change_in_a_reload(self):
        seen = self.secure()
        self.serve_secure(seen)
        self.assertEqual(self.name_of_server(), "b")
        for protocol, name in (("http1", "b-http1"), ("auto", "b"), ("http1", "b-http1"), ("http2", "b")):
            changed = self.config_of(seen, pool={"protocol": protocol, "tls": self.tls})
            self.assertEqual(self.proxy.reload(changed)["verdict"], "applied")
            self.assertEqual(self.name_of_server(), name)


class Auto(TlsScenario):
    def test_the_backend_selects_the_version(self):
        for protocols, name in ((("h2", "http/1.1"), "b"), (("http/1.1", "h2"), "b-http1"), (("http/1.1",), "b-http1")):
            with self.subTest(protocols=protocols):
                seen = self.secure(protocols=protocols)
                self.serve_secure(seen, protocol="auto")
                for _ in range(5):
                    self.assertEqual(self.name_of_server(), name)
                self.assert_healthy()
                self.assertEqual({one["alpn"] for one in seen.handshakes}, {"h2" if name == "b" else "http/1.1"})

    def test_a_backend_without_alpn_gets_http_1_1(self):
        seen = self.secure(protocols=())
        self.serve_secure(seen, protocol="auto")
        self.assertEqual(self.name_of_server(), "b-http1")
        self.assertEqual(self.answer(method="POST")["status"], 200)

    def test_backends_of_both_kinds_may_be_mixed(self):
        new, old = self.secure(name="new"), TlsBackend(self.pair, name="old")
        self.addCleanup(old.close)
        self.serve_secure(new, old, protocol="auto")
        self.assertEqual({self.name_of_server() for _ in range(10)}, {"new", "old"})
        self.assertEqual({request["fields"]["host"] for request in old.requests}, {"a"})

    def test_many_requests_at_once_share_a_connection_of_http_2(self):
        seen = self.secure(hold)
        self.serve_secure(seen, protocol="auto")
        first = self.ask("/first")
        seen.wait_calls(1)
        clients = [self.ask(f"/{number}") for number in range(40)]
        for call in seen.wait_calls(41):
            call.respond(b"ok")
        for client in (first, *clients):
            self.assertEqual(client.reader.response()["body"], b"ok")
        self.assertEqual(len([one for one in seen.handshakes if one["alpn"] == "h2"]), 1)

    def test_many_first_requests_at_once_are_served(self):
        for protocols in (("h2",), ("http/1.1",)):
            with self.subTest(protocols=protocols):
                seen = self.secure(protocols=protocols)
                self.serve_secure(seen, protocol="auto")
                clients = [self.ask(f"/{number}") for number in range(40)]
                bodies = [client.reader.response()["body"] for client in clients]
                name = "b" if protocols == ("h2",) else "b-http1"
                self.assertEqual(bodies, [f"{name} /{number}".encode() for number in range(40)])

    def test_requests_of_http_1_1_do_not_wait_for_each_other(self):
        """Nothing is shared with a backend that selects HTTP/1.1."""
        seen = self.secure(protocols=("http/1.1",))
        gate = []
        seen.plain.script = lambda connection, request: gate.append((connection, request))
        self.serve_secure(seen, protocol="auto")
        clients = [self.ask(f"/{number}") for number in range(10)]
        eventually(lambda: len(gate) == 10, "all are with the backend")
        for connection, request in gate:
            seen.plain.echo(connection, request)
        self.assertEqual({client.reader.response()["status"] for client in clients}, {200})

    def test_a_backend_may_change_its_mind(self):
        seen = self.secure()
        self.serve_secure(seen, protocol="auto")
        for protocols, name in ((["http/1.1"], "b-http1"), (["h2"], "b"), (["http/1.1"], "b-http1")):
            seen.context.set_alpn_protocols(protocols)
            for link in seen.links:
                link.close()
            eventually(lambda: not seen.open_links(), "connections of HTTP/2 are gone")
            seen.plain.script = self.leave  # connections of HTTP/1.1 end with their next request
            self.answer()
            seen.plain.script = seen.plain.echo
            eventually(lambda n=name: self.name_of_server() == n, "the other version is used")

    def leave(self, connection, _):
        raise OSError("closed")

    def test_fields_and_cookies_are_the_same_in_both_versions(self):
        for protocols in (("h2",), ("http/1.1",)):
            seen = self.secure(protocols=protocols)
            self.serve_secure(seen, protocol="auto")
            self.connect().get("/x", authority="site.example", more=[("cookie", "a=1"), ("cookie", "b=2")])
            if protocols == ("h2",):
                found = seen.calls[0].fields
                self.assertEqual(found[":scheme"], "https")
            else:
                found = {**seen.plain.requests[0]["fields"], ":authority": seen.plain.requests[0]["fields"]["host"]}
            self.assertEqual((found["cookie"], found[":authority"]), ("a=1; b=2", "site.example"))

    def test_a_refused_stream_is_retried(self):
        seen = self.secure(on_head=lambda call: len(seen.calls) == 1 and call.send_reset(h2.REFUSED_STREAM))
        self.serve_secure(seen, protocol="auto")
        self.assertEqual(self.answer(method="POST")["status"], 200)


if __name__ == "__main__":
    main()
