"""Flow control of HTTP/2: a stream holds back itself and nothing else, and windows follow SETTINGS."""
import threading

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario, respond
from support.scenario import SANITIZED, eventually, main

LARGE = 2 << 20 if SANITIZED else 8 << 20


class Downloads(Http2Scenario):
    def serve_sizes(self, **keys):
        """Serves /N with N bytes, and /endless without end."""
        self.over = threading.Event()
        self.addCleanup(self.over.set)

        def script(connection, request):
            if request["target"] != "/endless":
                return respond(connection, b"x" * int(request["target"][1:]))
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not self.over.is_set():
                connection.sendall(b"4000\r\n" + b"e" * 0x4000 + b"\r\n")

        self.serve(script, **keys)

    def test_the_window_of_a_stream_is_kept(self):
        self.serve_sizes()
        client = self.connect()
        client.held.add(1)
        view = client.request(path="/100000")
        client.wait(lambda: len(view.body) == h2.FIRST_WINDOW, "the window is full")
        client.ping()
        client.send(h2.window_update(0, 1) + h2.window_update(1, 1))
        client.wait(lambda: len(view.body) == h2.FIRST_WINDOW + 1, "one more byte")
        client.send(h2.window_update(0, 50_000) + h2.window_update(1, 50_000))
        self.assertEqual(len(client.finish(view).body), 100_000)

    def test_small_windows_cost_nothing_but_time(self):
        self.serve_sizes()
        client = self.connect(settings=[(h2.INITIAL_WINDOW_SIZE, 1)])
        view = client.request(path="/500")
        self.assertEqual(len(client.finish(view).body), 500)

    def test_a_window_of_zero_at_the_start(self):
        self.serve_sizes()
        client = self.connect(settings=[(h2.INITIAL_WINDOW_SIZE, 0)])
        client.held.add(1)
        view, empty = client.request(path="/1000"), client.request(path="/0")
        client.finish(empty)
        client.wait(lambda: view.status, "the head comes")
        client.ping()
        self.assertEqual(len(view.body), 0)
        client.send(h2.window_update(view.id, 400))
        client.wait(lambda: len(view.body) == 400, "what the window allows")
        client.send(h2.settings([(h2.INITIAL_WINDOW_SIZE, 600)]))  # 600 more, without what has been used
        self.assertEqual(len(client.finish(view).body), 1000)

    def test_a_window_may_shrink_below_zero_and_come_back(self):
        self.serve_sizes()
        client = self.connect()
        client.held.add(1)
        view = client.request(path="/100000")
        client.wait(lambda: len(view.body) == h2.FIRST_WINDOW, "the window is full")
        client.send(h2.settings([(h2.INITIAL_WINDOW_SIZE, 0)]) + h2.window_update(0, h2.FIRST_WINDOW))  # now -65,535
        client.ping()
        client.send(h2.window_update(1, h2.FIRST_WINDOW))  # now 0
        client.ping()
        self.assertEqual(len(view.body), h2.FIRST_WINDOW)
        client.send(h2.window_update(1, 10))
        client.wait(lambda: len(view.body) == h2.FIRST_WINDOW + 10, "ten more bytes")
        client.send(h2.settings([(h2.INITIAL_WINDOW_SIZE, 100_000)]))
        self.assertEqual(len(client.finish(view).body), 100_000)

    def test_a_slow_stream_holds_back_nothing_else(self):
        self.serve_sizes()
        client = self.connect()
        client.send(h2.window_update(0, 1 << 24))
        slow = client.request(path=f"/{LARGE}")
        client.held.add(slow.id)
        client.wait(lambda: len(slow.body) == h2.FIRST_WINDOW, "its window is full")
        for _ in range(20):
            self.assertEqual(len(client.get("/50000").body), 50_000)
        self.assertEqual(len(slow.body), h2.FIRST_WINDOW)
        client.held.clear()
        client.give_back(slow, h2.FIRST_WINDOW)
        self.assertEqual(len(client.finish(slow).body), LARGE)

    def test_an_endless_response_does_not_starve_others(self):
        self.serve_sizes()
        client = self.connect(settings=[(h2.INITIAL_WINDOW_SIZE, 1 << 20)])
        client.send(h2.window_update(0, 1 << 30))
        endless = client.request(path="/endless")
        client.send(h2.window_update(endless.id, 1 << 30))
        client.wait(lambda: len(endless.body) > 1 << 20, "it flows")
        for _ in range(5):
            before = len(endless.body)
            view = client.get("/100000")
            self.assertEqual(len(view.body), 100_000)
            self.assertLess(len(endless.body) - before, 200 << 20)
        client.send(h2.rst_stream(endless.id))
        self.assertEqual(client.get("/10").status, 200)

    def test_streams_share_the_window_of_the_connection(self):
        self.serve_sizes()
        client = self.connect(settings=[(h2.INITIAL_WINDOW_SIZE, 1 << 20)])
        client.held = {1, 3, 5}
        views = [client.request(path="/60000") for _ in range(3)]
        client.wait(lambda: sum(len(view.body) for view in views) == h2.FIRST_WINDOW, "the window is full")
        client.ping()
        self.assertEqual(sum(len(view.body) for view in views), h2.FIRST_WINDOW)
        client.send(h2.window_update(0, 200_000))
        client.finish(*views)

    def test_a_shut_window_does_not_fill_memory(self):
        self.serve_sizes()
        client = self.connect(settings=[(h2.INITIAL_WINDOW_SIZE, 0)])
        before = self.proxy.memory()
        views = [client.request(path="/endless") for _ in range(20)]
        client.wait(lambda: all(view.status for view in views), "all have begun")
        client.ping()
        self.assertLess(self.proxy.memory() - before, 64 << 10 if SANITIZED else 20 << 10)

    def test_a_window_that_stays_shut_is_given_up(self):
        """CVE-2026-49975: what a stream holds must not be held for ever."""
        self.serve_sizes(more="timeouts: {client_idle: 1s}")
        client = self.connect(settings=[(h2.INITIAL_WINDOW_SIZE, 0)])
        view = client.request(path=f"/{LARGE}")
        client.wait(lambda: view.reset is not None or client.closed, "the stream or the connection is given up")
        self.assert_serves_bytes()

    def assert_serves_bytes(self):
        self.assertEqual(self.get("/7").status, 200)


class Uploads(Http2Scenario):
    def serve_slow(self):
        """Serves a backend that reads the body of /slow when `release` is set, and of other requests at once."""
        self.release = threading.Event()
        self.addCleanup(self.release.set)

        def answer(connection, first, fields, reader):
            if " /slow " in first:
                self.release.wait(120)
            size = len(reader.chunks()) if "transfer-encoding" in fields else 0
            respond(connection, b"%d" % size)

        self.serve(behind=self.head_backend(answer))

    def fill(self, client, view):
        """Uploads until nothing more is taken for a while: the window must not open if nothing is read."""
        sent = 0
        while view.window > 0 and client.window > 0 and sent < 64 << 20:
            room = min(view.window, client.window, 16_384)
            client.send_body(view, b"s" * room, end=False)
            sent += room
            client.ping()
        self.assertLess(sent, 64 << 20, "there is no end")
        return sent

    def test_an_upload_that_is_not_read_holds_back_nothing_else(self):
        self.serve_slow()
        client = self.connect()
        slow = client.request("POST", "/slow", end=False)
        client.wait(lambda: self.seen.heads, "it is with the backend")
        sent = self.fill(client, slow)
        for _ in range(5):
            view = client.request("POST", "/quick", end=False)
            client.upload(view, b"q" * 300_000)
            self.assertEqual(bytes(client.finish(view).body), b"300000")
        self.release.set()
        client.wait(lambda: slow.window > 0, "its window opens")
        client.send_body(slow, b"")
        self.assertEqual(bytes(client.finish(slow).body), b"%d" % sent)

    def test_uploads_that_are_reset_give_their_window_back(self):
        self.serve_slow()
        client = self.connect()
        for _ in range(20):
            view = client.request("POST", "/slow", end=False)
            room = min(view.window, 60_000)
            client.upload(view, b"s" * room, end=False)
            client.send(h2.rst_stream(view.id))
        view = client.request("POST", "/quick", end=False)
        client.upload(view, b"q" * 300_000)
        self.assertEqual(bytes(client.finish(view).body), b"300000")

    def test_an_upload_to_a_dead_backend_gives_its_window_back(self):
        self.serve()
        self.seen.close()
        client = self.connect()
        for _ in range(30):
            view = client.request("POST", end=False)
            client.upload(view, b"x" * 60_000, end=False)
            client.wait(lambda v=view: v.status, "an answer")
            client.wait(lambda v=view: v.over, "the end")
        eventually(lambda: self.proxy.backends(), "weir goes on")
        client.ping()
        self.assertEqual(client.goaways, [])


if __name__ == "__main__":
    main()
