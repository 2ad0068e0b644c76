"""Many clients share one HTTP/2 connection to a backend: order, slow ones, ones that leave, and counts."""
import threading

from support import http2_frames as h2
from support.http2_backend_scenario import Http2BackendScenario, hold
from support.scenario import SANITIZED, Client, eventually, main

LARGE = 2_000_000 if SANITIZED else 8_000_000


class Sharing(Http2BackendScenario):
    def serve_held(self, **keys):
        """Starts a backend whose answers are left to the test."""
        self.seen = self.http2_backend(hold, **keys)
        self.serve_behind(self.seen)

    def active(self):
        return sum(backend["active"] for backend in self.proxy.backends().values())


class Connections(Sharing):
    def test_many_clients_share_a_connection(self):
        self.serve_held()
        first = [self.ask(f"/first{number}") for number in range(40)]
        other = self.connect()
        views = [other.request(path=f"/other{number}") for number in range(40)]
        calls = self.seen.wait_calls(80)
        self.assertEqual(len(self.seen.links), 1)
        for call in reversed(calls):  # answers need not come in the order of requests
            call.respond(call.path.encode())
        for number, client in enumerate(first):
            self.assertEqual(client.reader.response()["body"], b"/first%d" % number)
        other.finish(*views)
        self.assertEqual([bytes(view.body) for view in views], [b"/other%d" % number for number in range(40)])
        self.assertEqual(len(self.seen.links), 1)

    def test_a_hundred_streams_go_over_one_connection(self):
        self.serve_held()
        client = self.connect()
        views = [client.request(path=f"/{number}") for number in range(100)]
        for call in self.seen.wait_calls(100)[:100]:
            call.respond(call.path.encode())
        client.finish(*views)
        self.assertEqual((len(self.seen.links), self.seen.links[0].most), (1, 100))

    def test_requests_wait_while_the_connection_is_opened(self):
        self.serve_held(greet=lambda link: None)
        clients = [self.ask(f"/{number}") for number in range(20)]
        other = self.connect()
        views = [other.request(path=f"/other{number}") for number in range(20)]
        eventually(lambda: self.seen.links and self.active() == 40, "all wait for the backend")
        self.assertEqual((len(self.seen.links), self.seen.calls), (1, []))
        self.seen.links[0].send_settings()
        for call in self.seen.wait_calls(40):
            call.respond(b"ok")
        self.assertEqual([client.reader.response()["body"] for client in clients], [b"ok"] * 20)
        other.finish(*views)
        self.assertEqual(len(self.seen.links), 1)

    def test_waiting_clients_may_leave(self):
        self.serve_held(greet=lambda link: None)
        gone, stays = [self.ask(f"/gone{number}") for number in range(10)], self.ask("/stays")
        eventually(lambda: self.seen.links and self.active() == 11, "all wait for the backend")
        for client in gone:
            client.close()
        eventually(lambda: self.active() == 1, "they have left")
        self.seen.links[0].send_settings()
        self.seen.wait_calls(1)[0].respond(b"ok")
        self.assertEqual(stays.reader.response()["body"], b"ok")
        self.assertEqual(self.seen.paths(), ["/stays"])

    def test_each_worker_has_a_connection(self):
        self.seen = self.http2_backend()
        self.serve_behind(self.seen, workers=2)
        for number in range(60):
            self.assertEqual(self.answer(f"/{number}")["status"], 200)
        self.assertLessEqual(len(self.seen.links), 2)

    def test_status_counts_requests_and_metrics_connections(self):
        self.serve_held()
        clients = [self.ask(f"/{number}") for number in range(7)]
        calls = self.seen.wait_calls(7)
        self.assertEqual(self.active(), 7)
        for call in calls:
            call.respond()
        for client in clients:
            client.reader.response()
        eventually(lambda: self.active() == 0, "all are over")

    def test_many_requests_in_a_row(self):
        self.seen = self.http2_backend()
        self.serve_behind(self.seen)
        failures = []

        def run(name):
            with Client(self.port) as client:
                for number in range(30 if SANITIZED else 150):
                    path = f"/{name}/{number}"
                    if client.get(path)["body"] != f"b {path}".encode():
                        failures.append(path)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((failures, len(self.seen.links)), ([], 1))

    def test_requests_in_flight_are_what_max_connections_limits(self):
        queue = {"queue": {"max": 100, "timeout": "60s"}}
        self.serve_behind(seen := self.http2_backend(hold), pool=queue, entry={"max_connections": 2})
        clients = [self.ask(f"/{number}") for number in range(6)]
        for count in range(2, 7):
            seen.wait_calls(count)
            self.assertLessEqual(sum(not call.over for call in seen.calls), 2)
            seen.calls[count - 2].respond(b"ok")
        seen.calls[5].respond(b"ok")
        self.assertEqual([client.reader.response()["body"] for client in clients], [b"ok"] * 6)


class SlowPeers(Sharing):
    def test_a_slow_client_holds_back_its_stream_alone(self):
        self.serve_held()
        slow = Client(self.port, receive_buffer=4096)
        self.addCleanup(slow.close)
        slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        self.seen.wait_calls(1)[0].respond(b"x" * LARGE * 4)
        call = self.seen.calls[0]
        eventually(lambda: call.window <= 0, "the window of its stream is used up")
        self.seen.script = lambda call: call.respond(b"y" * LARGE)
        other = self.connect()
        for _ in range(3):
            self.assertEqual(len(other.get("/other").body), LARGE)
            self.assertEqual(len(self.answer("/other")["body"]), LARGE)
        self.assertTrue(call.unsent)
        self.assertEqual(len(self.seen.links), 1)

    def test_a_stream_that_is_held_back_is_finished_later(self):
        self.serve_held()
        client = self.connect()
        view = client.request(path="/slow")
        client.held.add(view.id)
        (call,) = self.seen.wait_calls(1)
        call.respond(b"x" * LARGE)
        eventually(lambda: client.drain() or (call.window <= 0 and len(view.body) > 60_000), "it is held back")
        while len(view.body) < LARGE:
            size = len(view.body)
            client.give_back(view, 60_000)
            client.wait(lambda: view.over or len(view.body) > size, "more of it")
        self.assertEqual(len(client.finish(view).body), LARGE)

    def test_many_slow_clients_do_not_use_up_the_connections_window(self):
        """nghttp2#713"""
        self.serve_held()
        client = self.connect()
        views = [client.request(path=f"/slow{number}") for number in range(60)]
        client.held = {view.id for view in views}
        for call in self.seen.wait_calls(60):
            call.respond(b"x" * LARGE)
        eventually(lambda: client.drain() or all(call.window <= 0 for call in self.seen.calls), "all are held back")
        self.seen.script = lambda call: call.respond(b"y" * 1_000_000)
        for _ in range(3):
            self.assertEqual(len(self.answer("/other")["body"]), 1_000_000)
        self.assertEqual(len(self.seen.links), 1)

    def test_a_backend_that_reads_one_upload_slowly_reads_others(self):
        self.seen = self.http2_backend(on_head=lambda call: call.path == "/slow" and call.link.held.add(call.id))
        self.serve_behind(self.seen)
        client = self.connect()
        view = client.request("POST", "/slow", end=False)
        self.seen.wait_calls(1)
        while client.window > 0 and view.window > 0 and len(self.seen.calls[0].body) < h2.FIRST_WINDOW:
            client.send_body(view, b"x" * min(16_384, client.window, view.window), end=False)
            client.ping()
        other = self.upload(b"y" * 1_000_000, "/other")
        self.assertEqual(len(other.reader.response()["body"]), 1_000_000)
        self.assertLessEqual(len(self.seen.calls[0].body), h2.FIRST_WINDOW)
        self.seen.links[0].held.clear()
        self.seen.calls[0].give_back()
        client.upload(view, b"z" * 100_000)
        self.assertTrue(client.finish(view).body.endswith(b"z" * 100_000))
        self.assertEqual(len(self.seen.links), 1)

    def test_uploads_share_the_window_of_the_connection(self):
        self.seen = self.http2_backend(connection_window=0)
        self.serve_behind(self.seen)
        clients = [self.upload(b"x" * 200_000, f"/{number}") for number in range(10)]
        self.assertEqual({len(client.reader.response()["body"]) for client in clients}, {200_000})

    def test_windows_of_broken_off_streams_are_given_back(self):
        """nghttp2#253: each client leaves in the middle of a download."""
        self.seen = self.http2_backend(lambda call: call.respond(b"x" * LARGE))
        self.serve_behind(self.seen)
        for number in range(40 if SANITIZED else 150):
            client = self.connect()
            view = client.request(path=f"/{number}")
            client.held.add(view.id)
            client.wait(lambda v=view: len(v.body) >= 30_000, "it has begun")
            client.close()
        self.assertEqual(len(self.answer()["body"]), LARGE)
        self.assertEqual(len(self.seen.links), 1)


class LeavingClients(Sharing):
    def check(self, begin, wait):
        """A client begins a request and leaves; the call of another one goes on over the same connection."""
        self.serve_held()
        kept = self.ask("/kept")
        self.seen.wait_calls(1)
        for count, leave in enumerate(("http1", "reset", "close"), 2):
            with self.subTest(leave=leave):
                client = self.connect() if leave != "http1" else None
                view = begin(client)
                call = self.seen.wait_calls(count)[-1]
                wait(client, view, call)
                if leave == "reset":
                    client.send(h2.rst_stream(view.id))
                else:
                    (client or view).close()
                eventually(lambda c=call: c.reset is not None, "the backend is told")
                self.assertEqual((call.reset, call.ended), (h2.CANCEL, not view_has_body(call)))
        self.seen.calls[0].respond(b"kept")
        self.assertEqual(kept.reader.response()["body"], b"kept")
        eventually(lambda: self.active() == 0, "all are over")
        self.assertEqual(len(self.seen.links), 1)

    def test_before_the_response(self):
        def begin(client):
            return client.request(path="/waits") if client else self.ask("/waits")

        self.check(begin, lambda *_: None)

    def test_in_the_middle_of_the_response(self):
        def begin(client):
            return client.request(path="/begun") if client else self.ask("/begun")

        def wait(client, view, call):
            call.begin(more=[("content-length", "100")])
            call.write(b"begun")
            if client:
                client.wait(lambda: bytes(view.body) == b"begun", "it has begun")
            else:
                view.reader.head()

        self.check(begin, wait)

    def test_in_the_middle_of_an_upload(self):
        def begin(client):
            if client:
                return client.request("POST", "/up", body=b"part", end=False)
            return self.ask("/up", "Transfer-Encoding: chunked\r\n", "POST").send(b"4\r\npart\r\n")

        self.check(begin, lambda client, view, call: eventually(lambda: call.body == b"part", "a part has come"))

    def test_many_clients_that_leave_at_once(self):
        self.serve_held()
        kept = self.ask("/kept")
        client = self.connect()
        for number in range(90):
            client.request(path=f"/{number}")
        self.seen.wait_calls(91)
        client.reset_connection()
        eventually(lambda: sum(call.reset == h2.CANCEL for call in self.seen.calls) == 90, "all are canceled")
        self.seen.calls[0].respond(b"kept")
        self.assertEqual(kept.reader.response()["body"], b"kept")

    def test_a_client_that_leaves_while_the_backend_reads_nothing(self):
        """pingora#910: the stream's window is used up, and weir waits for it."""
        self.seen = self.http2_backend(hold, on_head=lambda call: call.link.held.add(call.id))
        self.serve_behind(self.seen)
        client = self.connect()
        view = client.request("POST", "/stuck", end=False)
        (call,) = self.seen.wait_calls(1)
        client.upload(view, b"x" * 60_000, end=False)
        client.send_body(view, b"x" * 5_000, end=False)
        eventually(lambda: client.drain() or len(call.body) == 65_000, "all has come")
        client.wait(lambda: min(view.window, client.window) >= 16_384, "a window opens")
        client.send_body(view, b"x" * 16_384, end=False)
        eventually(lambda: client.drain() or len(call.body) == h2.FIRST_WINDOW, "its window is used up")
        client.send(h2.rst_stream(view.id))
        eventually(lambda: call.reset == h2.CANCEL, "the backend is told")
        self.seen.on_head, self.seen.script = None, self.seen.echo
        self.assert_healthy()


def view_has_body(call):
    return call.path == "/up"


if __name__ == "__main__":
    main()
