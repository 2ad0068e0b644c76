"""WebSockets to backends that speak HTTP/2: extended CONNECT if they offer it (RFC 8441), HTTP/1.1 with `auto`."""
import base64

from support import http2_frames as h2
from support.certificates import Authority
from support.http2_backend_scenario import Http2BackendScenario
from support.http2_scenario import HeadBackend, accept_of, websocket_head
from support.scenario import SANITIZED, eventually, main

LARGE = 300_000 if SANITIZED else 3_000_000
KEY = base64.b64encode(b"0123456789abcdef").decode()
UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Key: " + KEY + "\r\n\r\n"
)
OFFER = [(h2.ENABLE_CONNECT_PROTOCOL, 1)]


class TunnelScenario(Http2BackendScenario):
    def backend_of_tunnels(self, settings=OFFER, **keys):
        """Starts a backend that agrees to tunnels and sends back what comes."""

        def on_head(call):
            if call.method == "CONNECT":
                call.begin(more=[("sec-websocket-protocol", "chat")])

        def on_data(call, piece):
            if call.method == "CONNECT":
                call.write(piece)

        def script(call):
            if call.method == "CONNECT":
                call.write(b"", end=True)
            else:
                call.link.backend.echo(call)

        self.seen = self.http2_backend(script, **{"on_head": on_head, "on_data": on_data, "settings": settings, **keys})
        return self.seen

    def open_old(self, path="/chat"):
        """Returns a client of HTTP/1.1 whose request for an upgrade is answered, and the answer."""
        client = self.client(self.port).send(UPGRADE.format(path))
        return client, client.reader.response()

    def open_new(self, client, path="/chat"):
        view = client.take_stream()
        client.send(h2.headers(view.id, h2.block(websocket_head(path)), end=False))
        client.wait(lambda: view.status or view.over, "the handshake is answered")
        return view

    def tunnels(self):
        return [call for call in self.seen.calls if call.method == "CONNECT"]


class Tunnels(TunnelScenario):
    def setUp(self):
        super().setUp()
        self.serve_behind(self.backend_of_tunnels(), pool={"close_after": "1s"})

    def test_an_upgrade_becomes_an_extended_connect(self):
        client, response = self.open_old("/chat?x")
        fields = response["fields"]
        self.assertEqual((response["status"], fields["upgrade"].lower()), (101, "websocket"))
        self.assertEqual((fields["sec-websocket-accept"], fields["sec-websocket-protocol"]), (accept_of(KEY), "chat"))
        (call,) = self.seen.calls
        head = {
            ":method": "CONNECT",
            ":protocol": "websocket",
            ":scheme": "http",
            ":path": "/chat?x",
            ":authority": "a",
        }
        self.assertEqual({name: call.fields[name] for name in head}, head)
        self.assertEqual(call.fields["sec-websocket-version"], "13")
        client.send(b"hello")
        self.assertEqual(client.reader.exactly(5), b"hello")

    def test_an_extended_connect_stays_one(self):
        client = self.connect()
        view = self.open_new(client, "/chat?x")
        self.assertEqual((view.status, view.fields["sec-websocket-protocol"]), (200, "chat"))
        self.assertEqual({"sec-websocket-accept", "connection", "upgrade"} & set(view.fields), set())
        self.assertEqual((self.seen.calls[0].fields[":protocol"], self.seen.calls[0].path), ("websocket", "/chat?x"))
        client.send_body(view, b"hello", end=False)
        client.wait(lambda: bytes(view.body) == b"hello", "the echo")

    def test_many_tunnels_share_a_connection_with_requests(self):
        old = [self.open_old()[0] for _ in range(10)]
        client = self.connect()
        new = [self.open_new(client) for _ in range(10)]
        for number, one in enumerate(old):
            one.send(b"%02d" % number)
        for number, view in enumerate(new):
            client.send_body(view, b"%02d" % number, end=False)
        for number, one in enumerate(old):
            self.assertEqual(one.reader.exactly(2), b"%02d" % number)
        for number, view in enumerate(new):
            client.wait(lambda v=view, n=number: bytes(v.body) == b"%02d" % n, "the echo")
        self.assert_healthy()
        self.assertEqual(len(self.seen.links), 1)

    def test_much_passes_both_ways(self):
        client = self.connect()
        view = self.open_new(client)
        client.upload(view, b"x" * LARGE, end=False)
        client.wait(lambda: len(view.body) == LARGE, "the echo")
        old, _ = self.open_old()
        for at in range(0, LARGE, 30_000):
            old.send(b"x" * 30_000)
            self.assertEqual(len(old.reader.exactly(30_000)), 30_000, at)

    def test_the_client_closes(self):
        for way in ("http1", "END_STREAM", "RST_STREAM", "connection"):
            with self.subTest(way=way):
                if way == "http1":
                    client, _ = self.open_old()
                    client.close()
                else:
                    client = self.connect()
                    view = self.open_new(client)
                    if way == "END_STREAM":
                        client.send_body(view, b"")
                    elif way == "RST_STREAM":
                        client.send(h2.rst_stream(view.id))
                    else:
                        client.close()
                call = self.tunnels()[-1]
                eventually(lambda c=call: c.over, "the backend's stream is over")
                self.assert_healthy()
        self.assertEqual(len(self.seen.links), 1)

    def test_the_backend_closes(self):
        for way in ("end", "reset"):
            with self.subTest(way=way):
                old, _ = self.open_old()
                client = self.connect()
                view = self.open_new(client)
                for call in self.tunnels()[-2:]:
                    if way == "end":
                        call.write(b"that is all", end=True)
                    else:
                        call.send_reset(h2.CANCEL)
                self.assertEqual(old.rest(), b"that is all" if way == "end" else b"")
                client.wait(lambda v=view: v.over, "the stream is over")
                old.close()  # a tunnel may be half-closed: only now is it over
                if view.reset is None:
                    client.send_body(view, b"")
                for call in self.tunnels()[-2:]:
                    eventually(lambda c=call: c.over, "the backend's stream is over")
                self.assert_healthy()

    def test_tunnels_of_a_removed_backend_close_in_time(self):
        other = self.http2_backend(name="other")
        old, _ = self.open_old()
        client = self.connect()
        view = self.open_new(client)
        config = self.config_of(other, pool={"close_after": "1s"})
        self.assertEqual(self.proxy.reload(config)["verdict"], "applied")
        self.assertEqual(old.rest(), b"")
        client.wait(lambda: view.over or client.closed, "the tunnel is closed")
        eventually(lambda: not self.seen.open_links(), "the connection is closed")


class Refusals(TunnelScenario):
    def test_a_backend_that_refuses_is_passed_on(self):
        self.serve_behind(self.backend_of_tunnels(on_head=lambda call: call.respond(b"no", 403)))
        client, response = self.open_old()
        self.assertEqual((response["status"], response["body"]), (403, b"no"))
        other = self.connect()
        view = self.open_new(other)
        other.wait(lambda: view.over, "it is over")
        self.assertEqual((view.status, bytes(view.body)), (403, b"no"))

    def test_a_backend_that_does_not_offer_tunnels_gets_none(self):
        """haproxy#1364"""
        for settings in ((), [(h2.ENABLE_CONNECT_PROTOCOL, 0)]):
            with self.subTest(settings=settings):
                self.serve_behind(self.backend_of_tunnels(settings))
                self.assertEqual(self.open_old()[1]["status"], 502)
                client = self.connect()
                self.assertEqual(self.open_new(client).status, 502)
                self.proxy.wait_logged("(?i)(extended CONNECT|RFC 8441|ENABLE_CONNECT_PROTOCOL)")
                self.assert_healthy()
                self.assertEqual(self.tunnels(), [])

    def test_backends_are_not_to_blame_for_what_they_do_not_offer(self):
        self.serve_behind(self.backend_of_tunnels(()), pool={"outlier_ejection": {"consecutive_errors": 2}})
        for _ in range(5):
            self.assertEqual(self.open_old()[1]["status"], 502)
        (backend,) = self.proxy.backends().values()
        self.assertEqual(backend["outlier_ejections"], 0)
        self.assertEqual(self.answer()["status"], 200)

    def test_other_upgrades_are_not_sent(self):
        self.serve_behind(self.backend_of_tunnels())
        client = self.client(self.port)
        response = client.get(extra="Connection: Upgrade\r\nUpgrade: h2c\r\n")
        self.assertIn(response["status"], (200, 400, 501, 502))
        self.assertEqual(self.tunnels(), [])


class Auto(TunnelScenario):
    def test_a_websocket_gets_a_connection_of_http_1_1(self):
        def answer(connection, first, fields, reader):
            accept = accept_of(fields["sec-websocket-key"])
            head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            connection.sendall(f"{head}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            while data := connection.recv(65536):
                connection.sendall(data)
            raise OSError("over")

        authority = Authority(self.folder())
        plain = HeadBackend(answer)
        self.addCleanup(plain.close)
        seen = self.backend_of_tunnels((), pair=authority.issue("app.example"), http1=plain.serve)
        tls = {"ca": authority.root, "server_name": "app.example"}
        self.serve_behind(seen, pool={"protocol": "auto", "tls": tls})
        self.assert_healthy()
        client, response = self.open_old()
        self.assertEqual((response["status"], response["fields"]["sec-websocket-accept"]), (101, accept_of(KEY)))
        client.send(b"hello")
        self.assertEqual(client.reader.exactly(5), b"hello")
        other = self.connect()
        view = self.open_new(other)
        self.assertEqual(view.status, 200)
        other.send_body(view, b"hello", end=False)
        other.wait(lambda: bytes(view.body) == b"hello", "the echo")
        self.assert_healthy()
        self.assertEqual([one["alpn"] for one in seen.handshakes], ["h2", "http/1.1", "http/1.1"])
        self.assertEqual(self.tunnels(), [])


if __name__ == "__main__":
    main()
