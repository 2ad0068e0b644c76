"""HTTP/1.1 through weir, without errors: what arrives at the backend, and what the client gets."""
import socket

from support.scenario import SANITIZED, Scenario, eventually, free_port, main, web


class Messages(Scenario):
    def setUp(self):
        self.port, self.seen = free_port(), self.backend()
        self.proxy = self.weir(
            web(
                self.port,
                [self.seen],
                more="timeouts: {client_header: 3s, client_idle: 3s, response: 60s}\nlimits: {body_size: 1MiB}",
            )
        )

    def test_a_get_is_answered_on_a_connection_that_is_kept(self):
        client = self.client(self.port)
        for i in range(5):
            self.assertEqual(client.get(f"/{i}")["body"], b"b /%d" % i)
        self.assertEqual(len(self.seen.connections), 1)  # and so is the one to the backend

    def test_bodies_by_length_and_in_chunks_arrive_as_they_were(self):
        client = self.client(self.port)
        body = bytes(range(256)) * 1000
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.assertEqual(client.reader.response()["body"], body)
        pieces = b"".join(b"%x;ext=1\r\n" % len(p) + p + b"\r\n" for p in (body[:7], body[7:70000], body[70000:]))
        client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\nTrailer: x\r\n\r\n"
        )
        self.assertEqual(client.reader.response()["body"], body)
        self.assertEqual(client.get("/after")["status"], 200)
        self.assertEqual(len(self.seen.connections), 1)

    def test_forwarding_headers(self):
        client = self.client(self.port)
        client.get(
            "/",
            host="shop.example:8080",
            extra="X-Forwarded-For: 6.6.6.6\r\nConnection: X-Gone\r\nX-Gone: 1\r\nTE: trailers\r\n",
        )
        fields = self.seen.requests[-1]["fields"]
        self.assertEqual(fields["x-forwarded-for"], "127.0.0.1")
        self.assertEqual(fields["x-forwarded-proto"], "http")
        self.assertEqual(fields["x-forwarded-host"], "shop.example:8080")
        self.assertEqual(fields["host"], "shop.example:8080")
        self.assertEqual((fields["te"], fields["connection"]), ("trailers", "TE"))
        for gone in ("x-gone", "via"):
            self.assertNotIn(gone, fields)

    def test_expect_100_continue_is_the_backends_to_answer(self):
        client = self.client(self.port)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 100)
        client.send("ok")
        self.assertEqual(client.reader.response()["body"], b"ok")
        self.assertEqual(client.get("/", extra="Expect: something\r\n")["status"], 417)

    def test_an_http_1_0_client_is_served_and_closed(self):
        client = self.client(self.port)
        client.send("GET /old HTTP/1.0\r\n\r\n")
        answer = client.reader.response()
        self.assertEqual((answer["body"], answer["fields"].get("connection")), (b"b /old", "close"))
        self.assertEqual(client.rest(), b"")
        client = self.client(self.port)
        for _ in range(2):
            client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            self.assertEqual(client.reader.response()["fields"]["connection"], "keep-alive")

    def test_slow_clients_get_408_and_silent_clients_are_closed(self):
        client = self.client(self.port)
        client.send("GET / HTTP/1.1\r\nHo")
        self.assertEqual(client.reader.response()["status"], 408)
        self.assertEqual(client.rest(), b"")
        client = self.client(self.port)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        self.assertEqual(client.reader.response()["status"], 408)
        self.assertEqual(self.client(self.port).rest(), b"")  # it never sent a byte
        client = self.client(self.port)
        self.assertEqual(client.get("/")["status"], 200)
        self.assertEqual(client.rest(), b"")  # it sent no further request

    def test_a_reader_that_stalls_is_cut_and_holds_no_memory(self):
        self.seen.script = lambda c, r: c.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n" + bytes(256 << 20)
        )
        before = self.proxy.memory()
        client = self.client(self.port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: self.seen.requests, "the request is there")
        eventually(lambda: self.proxy.metrics()['weir_connections_active{listener="web"}'] == 0, "the reader is cut")
        if not SANITIZED:
            self.assertLess(self.proxy.memory() - before, 4096)

    def test_a_body_over_the_limit_is_413(self):
        client = self.client(self.port)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 413)
        client = self.client(self.port)
        client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n110000\r\n"
            + b"x" * 0x110000
            + b"\r\n0\r\n\r\n"
        )
        self.assertEqual(client.reader.response()["status"], 413)

    def test_large_heads_are_414_and_431(self):
        client = self.client(self.port)
        self.assertEqual(client.get("/" + "a" * 20000)["status"], 414)
        client = self.client(self.port)
        self.assertEqual(client.get("/", extra="A: " + "b" * 20000 + "\r\n")["status"], 431)
        client = self.client(self.port)
        self.assertEqual(client.get("/", extra="A: b\r\n" * 101)["status"], 431)
        self.assertEqual(self.seen.requests, [])

    def test_a_client_that_leaves_takes_its_backend_connection_along(self):
        release = []
        self.seen.script = lambda connection, request: (release.append(connection.recv(1)), connection.close())
        client = self.client(self.port)
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: self.seen.requests, "the backend has the request")
        client.close()
        eventually(lambda: release == [b""], "the backend sees the end")


class Upgrades(Scenario):
    def test_a_websocket_becomes_a_tunnel(self):
        def script(connection, request):
            self.assertEqual(request["fields"]["upgrade"], "websocket")
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst"
            )
            while data := connection.recv(1000):
                connection.sendall(data.upper())

        port = free_port()
        self.weir(web(port, [self.backend(script)]))
        client = self.client(port)
        answer = client.get("/ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")
        self.assertEqual((answer["status"], answer["fields"]["upgrade"]), (101, "websocket"))
        self.assertEqual(client.reader.exactly(5), b"first")
        client.send("hello")
        self.assertEqual(client.reader.exactly(5), b"HELLO")
        client.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(client.rest(), b"")

    def test_an_upgrade_that_is_declined_is_an_ordinary_answer(self):
        port = free_port()
        self.weir(web(port, [self.backend()]))
        client = self.client(port)
        answer = client.get("/ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")
        self.assertEqual(answer["status"], 200)
        self.assertEqual(client.get("/next")["body"], b"b /next")


class Routes(Scenario):
    def test_hosts_paths_and_listeners_choose_the_pool(self):
        port, port6 = free_port(), free_port()
        api, shop, rest = self.backend(name="api"), self.backend(name="shop"), self.backend(name="rest")
        self.weir(
            f"""
listeners:
  web: {{address: "127.0.0.1:{port}", pool: rest}}
  six: {{address: "[::1]:{port6}"}}
routes:
  - name: api
    match: {{hosts: [api.example, "*.api.example"], path_prefix: /v1/, listeners: [web]}}
    pool: api
    request_headers: {{set: {{X-Api: v1}}, remove: [X-Debug]}}
  - {{match: {{hosts: [shop.example]}}, pool: shop}}
pools:
  api: {{backends: ["{api.address}"]}}
  shop: {{backends: ["{shop.address}"]}}
  rest: {{backends: ["{rest.address}"]}}
"""
        )
        client = self.client(port)
        for host, path, expected in (
            ("api.example", "/v1/x", "api"),
            ("EU.API.example:80", "/v1/", "api"),
            ("api.example", "/v2", "rest"),
            ("shop.example", "/", "shop"),
            ("other", "/", "rest"),
        ):
            self.assertEqual(client.get(path, host=host, extra="X-Debug: 1\r\n")["fields"]["x-backend"], expected)
        self.assertEqual(api.requests[0]["fields"]["x-api"], "v1")
        self.assertNotIn("x-debug", api.requests[0]["fields"])
        six = self.client(port6, host="::1")
        self.assertEqual(six.get("/", host="shop.example")["status"], 200)
        self.assertEqual(six.get("/", host="api.example")["status"], 404)  # no route here, and no pool
        self.assertEqual(shop.requests[-1]["fields"]["x-forwarded-for"], "::1")

    def test_headers_of_a_trusted_proxy_are_used(self):
        port, backend = free_port(), self.backend()
        self.weir(web(port, [backend], listener={"trusted_proxies": ["127.0.0.0/8"]}))
        self.client(port).get("/", extra="X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n")
        fields = backend.requests[0]["fields"]
        self.assertEqual((fields["x-forwarded-for"], fields["x-forwarded-proto"]), ("1.2.3.4, 127.0.0.1", "https"))


class Retries(Scenario):
    def test_a_refused_connection_is_tried_on_another_backend_for_any_method(self):
        port, dead, alive = free_port(), free_port(), self.backend()
        proxy = self.weir(web(port, [f"127.0.0.1:{dead}", alive]), workers=1)
        client = self.client(port)
        for method in ("GET", "POST", "PATCH"):
            for _ in range(4):
                self.assertEqual(client.get("/", method=method)["status"], 200)
        self.assertGreaterEqual(proxy.metrics()["weir_retries_total"], 1)

    def test_all_refused_is_502_and_attempts_are_counted(self):
        port = free_port()
        self.weir(web(port, [f"127.0.0.1:{free_port()}"]))
        self.assertEqual(self.client(port).get("/")["status"], 502)

    def test_a_get_that_a_backend_dropped_goes_to_another_but_a_post_does_not(self):
        port, alive = free_port(), self.backend(name="alive")
        rude = self.backend(lambda connection, _: connection.shutdown(socket.SHUT_RDWR), name="rude")
        self.weir(web(port, [rude, alive]), workers=1)
        client = self.client(port)
        for _ in range(4):
            self.assertEqual(client.get("/")["fields"]["x-backend"], "alive")
        # The rude backend is avoided for a while, and then gets a request that must not be retried.
        eventually(lambda: client.get("/", method="POST")["status"] == 502, "a POST fails")

    def test_a_kept_connection_that_died_costs_a_get_nothing(self):
        port, backend = free_port(), self.backend()
        self.weir(web(port, [backend]), workers=1)
        client = self.client(port)
        self.assertEqual(client.get("/")["status"], 200)

        def close_after(connection, request):
            backend.echo(connection, request)
            connection.shutdown(socket.SHUT_RDWR)

        backend.script = close_after
        for _ in range(50):
            self.assertEqual(client.get("/")["status"], 200)


if __name__ == "__main__":
    main()
