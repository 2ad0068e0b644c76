"""How requests and connections of HTTP/2 end: early answers, resets, silence, and clients that leave."""
import threading
import time

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario, respond
from support.scenario import eventually, main


class EarlyResponses(Http2Scenario):
    """The backend answers before the upload has ended (RFC 9113 section 8.1)."""

    def test_the_response_comes_whole_and_the_connection_goes_on(self):
        body = b"no need " * 10_000

        def answer(connection, first, *_):
            respond(connection, body if " /early " in first else b"", "200 OK")
            if " /early " in first:
                self.seen.until_left(connection)

        self.serve(behind=self.head_backend(answer))
        client = self.connect()
        for length in ([], [("content-length", "10000000")]):
            view = client.request("POST", "/early", end=False, more=length)
            client.upload(view, b"x" * 10_000_000, end=False)  # stops at the end of the stream
            self.assertTrue(view.ended)
            self.assertEqual((view.status, bytes(view.body)), (200, body))
            client.wait(lambda v=view: v.reset is not None, "RST_STREAM")
            self.assertEqual(view.reset, h2.NO_ERROR)
            client.send(h2.data(view.id, b"on its way"))
            self.assertEqual(client.get("/other").status, 200)
        eventually(lambda: self.seen.left == 2, "the backend's connections are closed")

    def test_a_refusal_of_weir_needs_no_upload(self):
        self.serve(more="limits: {body_size: 1KiB}")
        client = self.connect()
        view = client.request("POST", end=False, more=[("content-length", "5000")])
        client.wait(lambda: view.over, "it is refused")
        self.assertEqual(view.status, 413)
        view = client.request("POST", body=b"x" * 5_000, end=False)
        client.wait(lambda: view.over, "it is refused")
        self.assertEqual(view.status, 413)
        self.assertEqual(client.get().status, 200)


class Resets(Http2Scenario):
    def serve_waiting(self):
        """Serves a backend that answers nothing but /quick."""

        def answer(connection, first, *_):
            if " /quick " in first or " /alive " in first:
                return respond(connection, b"quick")
            if " /begun " in first:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
            self.seen.until_left(connection)

        self.serve(behind=self.head_backend(answer))

    def test_a_reset_ends_the_request_at_the_backend(self):
        self.serve_waiting()
        client = self.connect()
        kept = client.request(path="/kept")
        for count, path in enumerate(("/waits", "/begun", "/upload"), 1):
            view = client.request("POST", path, body=b"part", end=False) if count == 3 else client.request(path=path)
            eventually(lambda n=count: len(self.seen.heads) == n * 2, "it is with the backend")
            if path == "/begun":
                client.wait(lambda v=view: len(v.body) == 5, "it has begun")
            client.send(h2.rst_stream(view.id))
            eventually(lambda n=count: self.seen.left == n, "its backend connection is closed")
            self.assertEqual(bytes(client.get("/quick").body), b"quick")
        self.assertFalse(kept.over)
        eventually(lambda: self.logged("/waits") == ["499"], "the log says 499")

    def logged(self, target):
        lines = [line for line in self.proxy.access_log().splitlines() if f" {target} " in line]
        return [line.split('"')[2].split()[0] for line in lines]

    def test_a_reset_is_seen_while_the_backend_reads_nothing(self):
        """pingora#910: the write to the backend is blocked."""
        release = threading.Event()
        self.addCleanup(release.set)

        def answer(connection, first, *_):
            if " /quick " in first:
                return respond(connection)
            release.wait(120)

        self.serve(behind=self.head_backend(answer))
        client = self.connect()
        view = client.request("POST", "/stuck", end=False)
        eventually(lambda: self.seen.heads, "it is with the backend")
        while view.window > 0 and client.window > 0 and client.window > 16_384:
            client.send_body(view, b"x" * min(16_384, view.window), end=False)
            client.ping()
        client.send(h2.rst_stream(view.id))
        eventually(lambda: list(self.proxy.backends().values())[0]["active"] == 0, "the request is over")
        self.assertEqual(client.get("/quick").status, 200)

    def test_a_client_that_leaves_ends_all_its_requests(self):
        for leave in ("close", "reset_connection"):
            with self.subTest(way=leave):
                self.serve_waiting()
                client = self.connect()
                for number in range(20):
                    client.request(path=f"/{number}")
                eventually(lambda: len(self.seen.heads) == 20, "all are with the backend")
                getattr(client, leave)()
                eventually(lambda: self.seen.left == 20, "all backend connections are closed")
                self.assert_serves()

    def test_resets_while_the_backend_is_connected_to(self):
        """nghttp2#1210"""
        self.serve_waiting()
        client = self.connect()
        for _ in range(50):
            view = client.request("POST", "/waits", body=b"x" * 100, end=False)
            client.send(h2.rst_stream(view.id))
        self.assertEqual(client.get("/quick").status, 200)
        eventually(lambda: list(self.proxy.backends().values())[0]["active"] == 0, "all are over")


class Idle(Http2Scenario):
    def test_an_idle_connection_is_told_and_closed(self):
        self.serve(more="timeouts: {client_header: 1s, client_idle: 1s}")
        for requests in (0, 2):
            with self.subTest(requests=requests):
                client = self.connect()
                for _ in range(requests):
                    client.get()
                client.wait_closed()
                self.assertEqual(client.goaways[-1], (2 * requests - 1 if requests else 0, h2.NO_ERROR))

    def test_pings_do_not_keep_a_connection_alive(self):
        """haproxy d38d8c6cc"""
        self.serve(more="timeouts: {client_idle: 1s}")
        client = self.connect()
        client.get()
        until = time.monotonic() + 60
        while not client.closed and time.monotonic() < until:
            client.send(h2.ping())
            client.send(h2.settings())
            time.sleep(0.2)
        self.assertTrue(client.closed)
        self.assertEqual(client.goaways[-1][1], h2.NO_ERROR)

    def test_requests_keep_a_connection_alive(self):
        """A response that takes longer than client_idle is no silence of the client."""

        def script(connection, request):
            time.sleep(2.5 if request["target"] == "/slow" else 0)
            respond(connection)

        self.serve(script, more="timeouts: {client_idle: 1s}")
        client = self.connect()
        self.assertEqual(client.get("/slow").status, 200)
        for _ in range(5):
            time.sleep(0.4)
            self.assertEqual(client.get().status, 200)

    def test_an_upload_that_stops_is_given_up(self):
        self.serve(more="timeouts: {client_idle: 1s}")
        client = self.connect()
        view = client.request("POST", body=b"begun", end=False)
        client.wait(lambda: view.over or client.closed, "it is given up")
        self.assertIn(view.status, (None, 408))
        self.assertEqual(self.seen.requests, [])

    def test_a_head_that_does_not_end_is_given_up(self):
        self.serve(more="timeouts: {client_header: 1s, client_idle: 2s}")
        client = self.connect()
        client.send(h2.frame(h2.HEADERS, h2.END_STREAM, 1, h2.block(h2.head())))
        client.wait_closed()
        self.assertEqual(self.seen.connections, [])

    def test_a_client_that_reads_nothing_is_given_up(self):
        """Its windows are wide open, but TCP is full."""

        def script(connection, _):
            respond(connection, b"x" * (30 << 20))

        self.serve(script, more="timeouts: {client_idle: 1s}")
        client = self.connect_raw(
            receive_buffer=4096,
            preface=h2.PREFACE
            + h2.settings([(h2.INITIAL_WINDOW_SIZE, h2.LARGEST_WINDOW)])
            + h2.window_update(0, 1 << 30)
            + h2.headers(1, h2.block(h2.head())),
        )
        eventually(lambda: self.seen.requests, "the request is with the backend")
        eventually(lambda: list(self.proxy.backends().values())[0]["active"] == 0, "the request is given up")
        client.close()


class Finished(Http2Scenario):
    def test_all_stream_ids_can_be_used(self):
        """The last one leads to GOAWAY, or to nothing."""
        self.serve()
        client = self.connect()
        client.next_stream = (1 << 31) - 5
        self.assertEqual(client.get().status, 200)
        self.assertEqual(client.get().status, 200)
        self.assertEqual(client.get().status, 200)
        client.close()
        self.assert_serves()


if __name__ == "__main__":
    main()
