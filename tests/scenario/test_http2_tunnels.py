"""WebSocket over HTTP/2: extended CONNECT (RFC 8441) becomes an upgrade at the backend."""
import base64

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario, accept_of, respond, websocket_head
from support.scenario import SANITIZED, eventually, main

LARGE = 300_000 if SANITIZED else 3_000_000


class Tunnels(Http2Scenario):
    def serve_websocket(self, talk=None, accept=accept_of, more_fields="", **keys):
        """Serves a backend that agrees to WebSocket and then talks; by default it sends everything back."""
        self.handshakes = []

        def echo_all(connection, reader):
            if reader.buffer:
                connection.sendall(reader.buffer)
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            finally:
                self.seen.left += 1

        def answer(connection, first, fields, reader):
            if fields.get("upgrade", "").lower() != "websocket":
                return respond(connection, b"plain")
            self.handshakes.append((first, fields))
            key = accept(fields["sec-websocket-key"])
            head = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{more_fields}"
            connection.sendall(f"{head}Sec-WebSocket-Accept: {key}\r\n\r\n".encode())
            (talk or echo_all)(connection, reader)
            raise OSError("over")

        self.serve(behind=self.head_backend(answer), **keys)

    def open(self, client, **keys):
        view = client.take_stream()
        client.send(h2.headers(view.id, h2.block(websocket_head(**keys)), end=False))
        client.wait(lambda: view.status or view.over, "the handshake is answered")
        return view

    def test_extended_connect_is_offered(self):
        self.serve_websocket()
        self.assertEqual(self.connect().settings[h2.ENABLE_CONNECT_PROTOCOL], 1)

    def test_the_backend_gets_a_handshake_of_http_1_1(self):
        self.serve_websocket(more_fields="Sec-WebSocket-Protocol: chat\r\n")
        client = self.connect()
        view = self.open(client, path="/chat?x", more=[("sec-websocket-protocol", "chat"), ("origin", "http://a")])
        self.assertEqual(view.status, 200)
        self.assertEqual(view.fields["sec-websocket-protocol"], "chat")
        hop = {"upgrade", "connection", "sec-websocket-accept", "transfer-encoding", "content-length"}
        self.assertEqual(hop & set(view.fields), set())
        first, fields = self.handshakes[0]
        self.assertEqual(first, "GET /chat?x HTTP/1.1")
        self.assertEqual(
            (fields["host"], fields["upgrade"], fields["connection"].lower()), ("a", "websocket", "upgrade")
        )
        self.assertEqual((fields["sec-websocket-version"], fields["origin"]), ("13", "http://a"))
        self.assertEqual(len(base64.b64decode(fields["sec-websocket-key"])), 16)
        self.assertFalse({"content-length", "transfer-encoding"} & set(fields))

    def test_each_handshake_has_another_key(self):
        self.serve_websocket()
        client = self.connect()
        for _ in range(5):
            self.open(client)
        self.assertEqual(len({fields["sec-websocket-key"] for _, fields in self.handshakes}), 5)

    def test_bytes_pass_both_ways(self):
        self.serve_websocket()
        client = self.connect()
        views = [self.open(client) for _ in range(3)]
        for number in range(20):
            for view in views:
                client.send_body(view, b"%d of %d;" % (number, view.id), end=False)
        for view in views:
            expected = b"".join(b"%d of %d;" % (number, view.id) for number in range(20))
            client.wait(lambda v=view, e=expected: bytes(v.body) == e, "the echo")
        self.assertEqual(bytes(client.get().body), b"plain")
        client.upload(views[0], b"x" * LARGE, end=False)
        client.wait(lambda: len(views[0].body) >= LARGE, "the large echo")
        self.assertFalse(any(view.over for view in views))

    def test_the_client_closes(self):
        for end in ("END_STREAM", "RST_STREAM", "the connection"):
            with self.subTest(end=end):
                self.serve_websocket()
                client = self.connect()
                view = self.open(client)
                client.send_body(view, b"hello", end=False)
                client.wait(lambda v=view: bytes(v.body) == b"hello", "the echo")
                if end == "END_STREAM":
                    client.send_body(view, b"")
                    client.wait(lambda v=view: v.over, "the stream ends")
                elif end == "RST_STREAM":
                    client.send(h2.rst_stream(view.id))
                else:
                    client.close()
                eventually(lambda: self.seen.left == 1, "the backend's connection is closed")
                if end != "the connection":
                    self.assertEqual(bytes(client.get().body), b"plain")

    def test_the_backend_closes(self):
        self.serve_websocket(talk=lambda connection, _: connection.sendall(b"that is all"))
        client = self.connect()
        view = self.open(client)
        client.wait(lambda: view.over, "the stream is over")
        self.assertEqual(bytes(view.body), b"that is all")
        self.assertTrue(view.ended or view.reset in (h2.CANCEL, h2.CONNECT_ERROR), view.reset)
        self.assertEqual(bytes(client.get().body), b"plain")

    def test_a_backend_that_refuses_is_passed_on(self):
        for status in ("403 Forbidden", "404 Not Found", "426 Upgrade Required", "500 Sorry", "302 Found"):
            with self.subTest(status=status):
                self.serve(lambda connection, _, status=status: respond(connection, b"no", status, "Location: /x\r\n"))
                client = self.connect()
                view = self.open(client)
                client.wait(lambda v=view: v.over, "the stream is over")
                self.assertEqual((view.status, bytes(view.body)), (int(status[:3]), b"no"))
                client.ping()
                self.assertEqual(client.goaways, [])

    def test_a_200_of_a_backend_is_no_agreement(self):
        """Over HTTP/2, 200 is what opens the tunnel."""
        self.serve()
        client = self.connect()
        self.assert_failed(client, self.open(client))
        self.assert_serves(client)

    def test_an_answer_to_another_key_is_refused(self):
        self.serve_websocket(accept=lambda key: accept_of(key + "x"))
        client = self.connect()
        self.assert_failed(client, self.open(client))
        self.assertEqual(bytes(client.get().body), b"plain")

    def assert_failed(self, client, view):
        client.wait(lambda: view.over, "the stream is over")
        if view.status:
            self.assertEqual(view.status, 502)
        else:
            self.assertNotIn(view.reset, (None, h2.NO_ERROR))

    def test_other_protocols_are_refused(self):
        self.serve_websocket()
        client = self.connect()
        for protocol in ("connect-udp", "webtransport", "h2c", "", "websocket, x"):
            with self.subTest(protocol=protocol):
                view = self.open(client, protocol=protocol)
                client.wait(lambda v=view: v.over, "the stream is over")
                self.assertTrue(view.status in (400, 405, 501) or view.reset == h2.PROTOCOL_ERROR, view.fields)
        self.assertEqual(self.handshakes, [])

    def test_plain_connect_is_refused(self):
        self.serve()
        client = self.connect()
        view = client.request("CONNECT", None, scheme=None, authority="b.example:443", body=b"bytes", end=False)
        client.wait(lambda: view.over, "the stream is over")
        self.assertEqual(view.status, 405)
        self.assertEqual(self.seen.requests, [])
        self.assert_serves(client)

    def test_a_silent_tunnel_ends(self):
        self.serve_websocket(more="timeouts: {tunnel: 1s, client_idle: 10m}")
        client = self.connect()
        view = self.open(client)
        client.wait(lambda: view.over or client.closed, "the tunnel is over")
        eventually(lambda: self.seen.left == 1, "the backend's connection is closed")

    def test_a_tunnel_outlives_the_idle_time(self):
        self.serve_websocket(more="timeouts: {client_idle: 1s}")
        client = self.connect()
        view = self.open(client)
        for number in range(15):
            client.send_body(view, b"%02d" % number, end=False)
            client.wait(lambda n=number: len(view.body) == 2 * n + 2, "the echo")
            self.wait_a_moment(client)
        self.assertFalse(view.over)

    def wait_a_moment(self, client):
        try:
            client.wait(lambda: client.closed, "", timeout=0.15)
        except AssertionError:
            return


if __name__ == "__main__":
    main()
