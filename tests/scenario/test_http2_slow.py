"""HTTP/2 clients that trickle, stall or leave in the middle of things cost weir little, and hold nothing for ever."""
import json
import re
import threading
import time

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario, respond
from support.scenario import SANITIZED, eventually, main

GROWTH = (200 << 10) if SANITIZED else (16 << 10)  # kilobytes


class Slow(Http2Scenario):
    def active(self):
        return sum(backend["active"] for backend in self.proxy.backends().values())

    def wait_released(self):
        eventually(lambda: self.active() == 0, "nothing is in use")

    def trickle(self, client, view, piece):
        """Sends a piece from time to time until the stream or the connection is given up."""
        until = time.monotonic() + 60
        while not view.over and not client.closed and time.monotonic() < until:
            client.send(piece)
            time.sleep(0.1)
        self.assertTrue(view.over or client.closed, "it goes on for ever")


class Trickles(Slow):
    def test_a_window_that_opens_byte_by_byte(self):
        self.serve(lambda connection, _: respond(connection, b"x" * (8 << 20)), more="timeouts: {client_idle: 1s}")
        client = self.connect(settings=[(h2.INITIAL_WINDOW_SIZE, 0)])
        view = client.request()
        client.held.add(view.id)
        self.trickle(client, view, h2.window_update(view.id, 1))
        self.wait_released()

    def test_an_upload_byte_by_byte(self):
        self.serve(more="timeouts: {client_idle: 1s}")
        client = self.connect()
        view = client.request("POST", end=False)
        self.trickle(client, view, h2.data(view.id, b"x"))
        self.wait_released()
        self.assertEqual(self.seen.requests, [])

    def test_an_upload_of_padding(self):
        self.serve(more="timeouts: {client_idle: 1s}")
        client = self.connect()
        view = client.request("POST", end=False)
        self.trickle(client, view, h2.data(view.id, padding=250))
        self.wait_released()

    def test_a_busy_stream_does_not_keep_a_stalled_one_alive(self):
        self.serve(more="timeouts: {client_idle: 1s}")
        client = self.connect()
        stalled = client.request("POST", "/stalled", body=b"begun", end=False)
        until = time.monotonic() + 60
        while not stalled.over and time.monotonic() < until:
            self.assertEqual(client.get().status, 200)
        self.assertTrue(stalled.over)
        self.wait_released()

    def test_a_busy_stream_does_not_keep_a_small_response_that_is_not_taken(self):
        self.serve(more="timeouts: {client_idle: 1s}")
        client = self.connect(settings=[(h2.INITIAL_WINDOW_SIZE, 0)])
        stalled = client.request()
        until = time.monotonic() + 60
        while not stalled.over and time.monotonic() < until:
            busy = client.request("HEAD")
            client.wait(lambda view=busy: view.over, "it needs no window")
        self.assertTrue(stalled.over)
        self.assertEqual(stalled.reset, h2.INTERNAL_ERROR)
        self.wait_released()

    def test_a_head_byte_by_byte(self):
        self.serve(more="timeouts: {client_header: 1s, client_idle: 20s}")
        client = self.connect()
        client.send(h2.frame(h2.HEADERS, h2.END_STREAM, 1, h2.block(h2.head())))
        until = time.monotonic() + 60
        while not client.closed and time.monotonic() < until:
            client.send(h2.frame(h2.CONTINUATION, 0, 1, b""))
            time.sleep(0.3)
        self.assertTrue(client.closed)


class Ended(Slow):
    """Connections that weir has ended, with clients that do not go."""

    def wait_closed(self, before):
        eventually(lambda: self.proxy.descriptors() <= before, "the connections are closed")

    def test_clients_that_do_not_close(self):
        self.serve(more="timeouts: {client_idle: 1s, client_header: 1s}")
        self.assert_serves()
        eventually(lambda: self.active() == 0, "it is over")
        before = self.proxy.descriptors()
        for end in (h2.ping() * 30_000, h2.data(0, b"x"), h2.indexed(0), h2.headers(1, h2.indexed(99)), h2.goaway()):
            client = self.connect()
            client.send(end)
        self.wait_closed(before + 1)

    def test_clients_that_go_on_sending(self):
        self.serve(more="timeouts: {client_idle: 1s, client_header: 1s}")
        self.assert_serves()
        before = self.proxy.descriptors()
        client = self.connect()
        client.send(h2.data(0, b"x"))
        until = time.monotonic() + 30
        while self.proxy.descriptors() > before + 1 and time.monotonic() < until:
            try:
                client.sock.send(h2.headers(1, h2.block(h2.head(path="/late"))))
            except OSError:
                break
            time.sleep(0.01)
        self.wait_closed(before + 1)
        self.assertNotIn("/late", [request["target"] for request in self.seen.requests])

    def test_clients_that_read_nothing(self):
        self.serve(lambda c, _: respond(c, b"x" * (8 << 20)), more="timeouts: {client_idle: 1s, client_header: 1s}")
        self.get()
        self.wait_released()
        before = self.proxy.descriptors()
        opening = h2.PREFACE + h2.settings([(h2.INITIAL_WINDOW_SIZE, 1 << 24)]) + h2.window_update(0, 1 << 24)
        for end in (b"", h2.data(0, b"x"), h2.goaway(), h2.rst_stream(1)):
            client = self.connect_raw(receive_buffer=4096, preface=b"")
            client.sock.send(opening + h2.headers(1, h2.block(h2.head())))
            eventually(lambda: self.active() == 1, "the response has begun")
            client.sock.send(end)
            self.wait_released()
        self.wait_closed(before + 1)


class Memory(Slow):
    def test_uploads_that_no_backend_reads(self):
        self.serve(behind=self.head_backend(lambda *_: behind.closed.wait(120)))
        behind, before = self.seen, self.proxy.memory()
        clients = [self.connect() for _ in range(3)]
        for client in clients:
            for _ in range(100):
                view = client.request("POST", end=False)
                for _ in range(4):  # as much as a first window allows
                    room = min(view.window, client.window, 16_384)
                    client.send_body(view, b"x" * max(room, 0), end=False)
            client.ping()
        self.assertLess(self.proxy.memory() - before, 300 * 64 + GROWTH)
        for client in clients:
            client.close()
        behind.close()

    def test_large_heads_to_clients_that_do_not_read(self):
        extra = "".join(f"X-{number}: {'y' * 1_000}\r\n" for number in range(14))
        self.serve(lambda connection, _: respond(connection, extra=extra))
        before = self.proxy.memory()
        clients = [self.connect_raw(receive_buffer=4096) for _ in range(5)]
        for client in clients:
            client.drain = lambda: None
            frames = b"".join(h2.headers(n, h2.block(h2.head())) for n in range(1, 2_000, 2))
            try:
                client.send(frames, timeout=3)
            except AssertionError:
                pass  # weir reads no more
        self.assert_serves()
        self.assertLess(self.proxy.memory() - before, 500 * 32 + GROWTH)
        for client in clients:
            client.close()
        self.wait_released()

    def test_connections_without_requests(self):
        self.serve()
        before = self.proxy.memory()
        clients = [self.connect() for _ in range(200)]
        self.assertLess(self.proxy.memory() - before, 200 * (400 if SANITIZED else 80))
        for client in clients:
            client.close()
        self.assert_serves()

    def test_connections_that_come_and_go_leave_nothing_behind(self):
        self.serve()
        for rounds in range(3):
            for number in range(100):
                client = self.connect()
                view = client.request("POST", body=b"x" * 1_000, end=number % 2 == 0)
                if number % 3 == 0:
                    client.reset_connection()
                elif number % 2 == 0:
                    client.finish(view)
                client.close()
            self.wait_released()
            if rounds == 0:
                before, descriptors = self.proxy.memory(), self.proxy.descriptors()
        self.assertLess(self.proxy.memory() - before, 40 << 10 if SANITIZED else 4 << 10)
        eventually(lambda: self.proxy.descriptors() <= descriptors + 2, "descriptors are closed")


class Leaving(Slow):
    """Clients that reset their streams at any moment."""

    def serve_one_place(self, script=None, route=None, pool=""):
        """Starts weir with a backend that takes one request at a time, so that a place that leaks shows."""
        self.serve(script)
        entry = f"{{name: b0, address: {json.dumps(self.seen.address)}, max_connections: 1}}"
        places = f"backends: [{entry}]\n    queue: {{max: 200, timeout: 60s}}{pool}"
        config = re.sub(r"backends: \[[^\]]*\]", places, self.config)
        config += f"routes: {json.dumps([{'pool': 'web', **(route or {})}])}\n"
        self.assertEqual(self.proxy.reload(config)["verdict"], "applied")

    def reset_everywhere(self, client, end=True, pause=lambda: None, count=60):
        for number in range(count):
            view = client.request("POST", f"/{number}", body=b"x" * 100 * number, end=end)
            if number % 3 == 1:
                client.ping()
            if number % 3 == 2:
                pause()
            client.send(h2.rst_stream(view.id))
        self.assertEqual(client.get("/after").status, 200)
        self.wait_released()
        self.assertEqual(client.goaways, [])

    def test_in_the_queue(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def script(connection, request):
            if request["target"] == "/first":
                release.wait(60)
            respond(connection)

        self.serve_one_place(script)
        client = self.connect()
        first = client.request(path="/first")
        eventually(lambda: self.active() == 1, "the place is taken")
        views = [client.request(path=f"/{number}") for number in range(50)]
        eventually(lambda: self.proxy.status()["pools"][0]["queue"]["length"] == 50, "they wait")
        client.send(b"".join(h2.rst_stream(view.id) for view in views))
        eventually(lambda: self.proxy.status()["pools"][0]["queue"]["length"] == 0, "they have left")
        release.set()
        client.finish(first)
        self.assertEqual(client.get("/after").status, 200)

    def test_at_any_moment_of_an_exchange(self):
        self.serve_one_place()
        for end in (True, False):
            self.reset_everywhere(self.connect(), end)

    def test_while_a_body_is_buffered(self):
        self.serve_one_place(route={"buffer_requests": True, "body_size": "1MiB"})
        for end in (True, False):
            self.reset_everywhere(self.connect(), end)
        eventually(lambda: self.proxy.metrics()["weir_buffered_body_bytes"] == 0, "nothing is buffered")

    def test_while_a_response_is_compressed(self):
        text = b"The quick brown fox jumps over the lazy dog. " * 2_000
        plain = "Content-Type: text/plain\r\n"
        self.serve_one_place(lambda c, _: respond(c, text, extra=plain), route={"compress": {}})
        client = self.connect()
        client.held = set(range(1, 1000))
        for number in range(60):
            view = client.request(more=[("accept-encoding", "gzip")])
            if number % 2:
                client.wait(lambda v=view: v.status, "it begins")
            client.send(h2.rst_stream(view.id))
        client.held = set()
        client.send(h2.window_update(0, 1 << 20))
        self.assertEqual(client.get("/after").status, 200)
        self.wait_released()

    def test_the_backend_connection_of_a_broken_request_is_not_used_again(self):
        self.serve_one_place()
        client = self.connect()
        for number in range(20):
            view = client.request("POST", "/broken", body=b"begun", end=False, more=[("content-length", "100")])
            eventually(lambda: self.active() == 1, "it is with the backend")
            client.send(h2.rst_stream(view.id))
            self.assertEqual(bytes(client.get(f"/{number}").body), b"b /%d" % number)
        self.assertNotIn("/broken", [request["target"] for request in self.seen.requests])


if __name__ == "__main__":
    main()
