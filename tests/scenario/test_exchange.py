"""The life of a request and of its connections: clients that leave, silence, idle connections, draining."""
import re
import signal
import socket
import threading
import time

from support.scenario import Scenario, eventually, free_port, main, web

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
GET = "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n"


def limited(backend, more="", queue=""):
    return f'    backends: [{{name: b0, address: "{backend.address}", max_connections: 2}}]\n{queue}{more}'


class Leaving(Scenario):
    def test_clients_that_leave_a_silent_stream_free_their_places_at_once(self):
        ends = []

        def stream(connection, request):
            if request["target"] != "/sse":
                return backend.echo(connection, request)
            connection.sendall(SSE)
            ends.append(connection.recv(1))

        port, backend = free_port(), self.backend(stream)
        config = f'listeners: {{web: {{address: "127.0.0.1:{port}", pool: web}}}}\npools:\n  web:\n' + limited(backend)
        proxy = self.weir(config)
        ways = {
            "closes": lambda c: c.sock.close(),
            "ends its side": lambda c: c.sock.shutdown(socket.SHUT_WR),
            "ends its side with a request in the pipeline": lambda c: (
                c.send(GET.format("more")),
                c.sock.shutdown(socket.SHUT_WR),
            ),
        }
        for way, leave in ways.items():
            with self.subTest(way=way):
                ends.clear()
                clients = [self.client(port).send(GET.format("sse")) for _ in range(2)]
                for client in clients:
                    self.assertIn(b"HTTP/1.1 200", client.reader.until(b"\r\n\r\n"))
                    self.assertEqual(client.reader.exactly(10), b"5\r\nfirst\r\n")
                self.assertEqual(self.client(port).get("/")["status"], 503)
                for client in clients:
                    leave(client)
                eventually(lambda: ends == [b"", b""], "the backend hears of the end")
                eventually(lambda: proxy.backends()["b0"]["active"] == 0, "the places are free")
                self.assertEqual(self.client(port).get("/")["status"], 200)
                eventually(lambda: proxy.backends()["b0"]["active"] == 0, "the last request has ended")

    def test_a_websocket_client_that_leaves_frees_its_slot_at_once(self):
        """The backend keeps its side of the tunnel open."""
        release = threading.Event()
        self.addCleanup(release.set)

        def stay(connection, _):
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            release.wait(90)  # longer than the test waits

        port, backend = free_port(), self.backend(stay)
        proxy = self.weir(web(port, [backend]))
        client = self.client(port)
        self.assertEqual(client.get("/", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")["status"], 101)
        client.sock.shutdown(socket.SHUT_WR)
        eventually(lambda: proxy.backends()[backend.address]["active"] == 0, "the place is free")


class Waiting(Scenario):
    def test_a_backend_that_does_not_answer_an_expectation_is_504(self):
        port, backend, release = free_port(), self.backend(), threading.Event()
        self.addCleanup(release.set)
        backend.serve = lambda connection: release.wait(30)
        self.weir(web(port, [backend], more="timeouts: {client_idle: 500ms, response: 1s}"))
        client = self.client(port)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 504)
        client = self.client(port)  # this client stops halfway through its body, so it is the late side
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhe")
        self.assertEqual(client.reader.response()["status"], 408)

    def test_stream_idle_bounds_the_silence_of_a_stream_and_response_does_not(self):
        """A stream may be silent for longer than timeouts.response, and for no longer than timeouts.stream_idle."""

        def stream(connection, request):
            connection.sendall(SSE)
            time.sleep(2.5)  # longer than `response`
            connection.sendall(b"6\r\nsecond\r\n")
            connection.recv(1)

        port, backend = free_port(), self.backend(stream)
        self.weir(web(port, [backend], more="timeouts: {response: 2s, stream_idle: 4s}"))
        client = self.client(port).send(GET.format(""))
        self.assertTrue(client.reader.until(b"second\r\n"))
        self.assertEqual(client.rest(), b"")


class Pools(Scenario):
    def test_connections_are_reused_by_bursts_of_many_clients(self):
        many = 200
        all_here = threading.Barrier(many)

        def answer(connection, request):
            all_here.wait(30)
            backend.echo(connection, request)

        port, backend = free_port(), self.backend(answer)
        self.weir(web(port, [backend]), workers=1)
        clients = [self.client(port) for _ in range(many)]
        for _ in range(4):
            for client in clients:
                client.send(GET.format(""))
            for client in clients:
                self.assertEqual(client.reader.response()["status"], 200)
        self.assertEqual(len(backend.connections), many)

    def test_an_idle_connection_is_closed_before_the_backend_would_close_it(self):
        """The backend announced its timeout in Keep-Alive."""
        answer = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=%d\r\nContent-Length: 2\r\n\r\nok"
        port, backend = free_port(), self.backend(
            lambda connection, request: connection.sendall(answer % int(request["target"][1:]))
        )
        proxy = self.weir(web(port, [backend]), workers=1)
        client = self.client(port)

        def idle():
            return proxy.backends()[backend.address]["idle"]

        self.assertEqual(client.get("/600")["status"], 200)
        eventually(lambda: idle() == 1, "it is kept")
        first = client.get("/2")
        self.assertNotIn("keep-alive", first["fields"])
        eventually(lambda: idle() == 0, "it is closed")
        self.assertEqual((client.get("/0")["status"], idle()), (200, 0))

    def test_a_client_that_reads_slowly_does_not_make_a_connection_look_fresh(self):
        body = bytes(100_000)
        head = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: %d\r\n\r\n" % len(body)
        port, sent = free_port(), []
        backend = self.backend(lambda connection, _: (connection.sendall(head + body), sent.append(time.monotonic())))
        self.weir(web(port, [backend]), workers=1)
        slow = self.client(port, receive_buffer=4096).send(GET.format(""))
        eventually(lambda: sent and time.monotonic() > sent[0] + 1.5, "the backend has waited for most of its time")
        self.assertEqual(len(slow.reader.response()["body"]), len(body))
        self.assertEqual(self.client(port).get("/")["status"], 200)
        self.assertEqual(len(backend.connections), 2)

    def test_the_pool_that_serves_decides_about_the_proxy_header(self):
        for before, after in (("none", "v1"), ("v1", "none")):
            with self.subTest(before=before):
                self.change_while_queued(before, after)

    def change_while_queued(self, before, after):
        heads, asked, release = [], threading.Event(), threading.Event()
        self.addCleanup(release.set)

        def serve(connection):
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    piece = connection.recv(1000)
                    if not piece:
                        return
                    data += piece
                head, data = data.split(b"\r\n\r\n", 1)
                heads.append(head)
                if b"GET /slow" in head:
                    asked.set()
                    release.wait(30)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        port, backend = free_port(), self.backend()
        backend.serve = serve

        def config(version):
            return (
                f'listeners: {{web: {{address: "127.0.0.1:{port}", pool: web}}}}\npools:\n  web:\n'
                f"    send_proxy_protocol: {version}\n"
                f"    queue: {{max: 5, timeout: 20s}}\n"
                f'    backends: [{{name: b0, address: "{backend.address}", max_connections: 1}}]\n'
            )

        proxy = self.weir(config(before), workers=1)
        first, second = self.client(port).send(GET.format("slow")), self.client(port)
        self.assertTrue(asked.wait(30))
        second.send(GET.format("queued"))
        eventually(lambda: proxy.metrics().get('weir_connections_active{listener="web"}') == 2, "both are there")
        self.assertEqual(proxy.reload(config(after))["verdict"], "applied")
        release.set()
        for client in (first, second):
            self.assertEqual(client.reader.response()["status"], 200)
        self.assertEqual([h.startswith(b"PROXY ") for h in heads], [before == "v1", after == "v1"])
        self.assertEqual([b"Connection: close" in h for h in heads], [before == "v1", after == "v1"])


class Queued(Scenario):
    """A reload changes the pool while requests wait in its queue: the new pool selects their backends, by everything
    in the request."""

    def serve(self, before, after, requests):
        """Returns which backends answer `requests`: sent to the new pool, and queued before the reload."""
        release, port = threading.Event(), free_port()
        self.addCleanup(release.set)

        def script(backend):
            return lambda connection, request: (
                request["target"] == "/slow" and release.wait(300),
                backend.echo(connection, request),
            )

        behind = [self.backend(name=f"b{i}") for i in range(4)]
        for backend in behind:
            backend.script = script(backend)

        def config(pool, most):
            return (
                f'listeners: {{web: {{address: "127.0.0.1:{port}", pool: web}}}}\npools:\n  web:\n'
                f"{pool}    queue: {{max: 50, timeout: 10m}}\n    backends:\n"
                + "".join(
                    f'      - {{name: {b.name}, address: "{b.address}", max_connections: {most}}}\n' for b in behind
                )
            )

        proxy = self.weir(config(after, 50), workers=1)
        expected = [self.client(port).send(r).reader.response()["fields"]["x-backend"] for r in requests]
        proxy.reload(config(before, 1))
        for i in range(4):
            self.client(port).send(GET.format("slow"))
            eventually(lambda: [b["active"] for b in proxy.backends().values()].count(1) == i + 1, "one more is busy")
        waiting = [self.client(port).send(r) for r in requests]
        eventually(lambda: proxy.status()["pools"][0]["queue"]["length"] == len(requests), "they wait")
        self.assertEqual(proxy.reload(config(after, 50))["verdict"], "applied")
        return expected, [client.reader.response()["fields"]["x-backend"] for client in waiting]

    def test_a_queued_request_is_hashed_when_the_algorithm_becomes_hash(self):
        requests = [f"GET / HTTP/1.1\r\nHost: a\r\nX-User: user-{i}\r\n\r\n" for i in range(12)]
        expected, queued = self.serve(
            "    algorithm: round_robin\n", "    algorithm: hash\n    hash: {on: header, name: X-User}\n", requests
        )
        self.assertGreater(len(set(expected)), 1)
        self.assertEqual(queued, expected)

    def test_a_queued_request_uses_the_new_hash_key_after_a_reload(self):
        requests = [f"GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n" for i in range(12)]
        expected, queued = self.serve(
            "    algorithm: hash\n    hash: {on: source_ip}\n", "    algorithm: hash\n    hash: {on: path}\n", requests
        )
        self.assertGreater(len(set(expected)), 1)
        self.assertEqual(queued, expected)

    def test_a_queued_request_follows_its_cookie_when_the_pool_becomes_sticky(self):
        behind = [self.backend(name=f"b{i}") for i in range(4)]
        port, cookies = free_port(), []
        self.weir(
            f'listeners: {{web: {{address: "127.0.0.1:{port}", pool: web}}}}\npools:\n  web:\n'
            f"    sticky: {{cookie: who}}\n    backends:\n"
            + "".join(f'      - {{name: {b.name}, address: "{b.address}"}}\n' for b in behind)
        )
        for _ in range(12):  # the value of a cookie depends on the names of the pool and the backend
            cookies.append(self.client(port).get("/")["fields"]["set-cookie"].split(";")[0])
        requests = [f"GET / HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n" for cookie in cookies]
        expected, queued = self.serve("    algorithm: round_robin\n", "    sticky: {cookie: who}\n", requests)
        self.assertEqual(sorted(set(expected)), ["b0", "b1", "b2", "b3"])
        self.assertEqual(queued, expected)


class Drains(Scenario):
    def test_a_stop_logs_what_is_open_and_what_it_cuts(self):
        def switch(connection, _):
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            connection.recv(1)

        port, backend = free_port(), self.backend(switch)
        proxy = self.weir(
            web(port, [backend]) + f"process: {{workers: 2, drain_timeout: 1s, state_dir: {self.folder()}}}\n"
        )
        for _ in range(2):
            self.assertEqual(
                self.client(port).get("/", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n")["status"], 101
            )
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(30), 3)
        proxy.wait_logged(
            re.escape("stopping: 0 requests, 2 tunnels and 0 TCP connections open; closing what is still open in 1s")
        )
        proxy.wait_logged(
            re.escape("stopping: closing 0 requests, 2 tunnels and 0 TCP connections still open after 1s")
        )


if __name__ == "__main__":
    main()
