"""Limits of HTTP/2 backends, connections that they announce to close, and streams that they refuse."""
import json

from support import http2_frames as h2
from support.http2_backend_scenario import Http2BackendScenario, hold, limited
from support.scenario import eventually, main


class Limits(Http2BackendScenario):
    def serve_held(self, **keys):
        self.seen = self.http2_backend(hold, **keys)
        self.serve_behind(self.seen)

    def ask_many(self, count, name=""):
        return [self.ask(f"/{name}{number}") for number in range(count)]

    def finish(self, clients):
        """Answers all calls that are open, and checks that each client gets its answer."""
        for call in self.seen.calls:
            if not call.over:
                call.respond(call.path.encode())
        for client in clients:
            self.assertEqual(client.reader.response()["status"], 200)

    def refusing(self, code=h2.REFUSED_STREAM, numbers=(1,)):
        """Returns a backend that resets the calls of these numbers as soon as their heads are there."""

        def on_head(call):
            if len(self.seen.calls) in numbers:
                call.send_reset(code)

        self.seen = self.http2_backend(on_head=on_head)
        return self.seen


class ConcurrentStreams(Limits):
    def test_more_connections_are_opened_when_all_are_full(self):
        for limit, count in ((1, 4), (2, 6), (3, 7)):
            with self.subTest(limit=limit):
                self.serve_held(settings=limited(limit))
                clients = self.ask_many(count)
                self.seen.wait_calls(count)
                self.assertEqual(len(self.seen.links), -(-count // limit))
                self.assertEqual(max(link.most for link in self.seen.links), limit)
                self.finish(clients)
                more = self.ask_many(count, "more")
                self.seen.wait_calls(2 * count)
                self.assertEqual(len(self.seen.links), -(-count // limit))
                self.finish(more)

    def test_a_connection_has_100_streams_if_there_is_no_limit(self):
        for settings in ((), limited(1_000)):
            with self.subTest(settings=settings):
                self.serve_held(settings=settings)
                clients = self.ask_many(150)
                self.seen.wait_calls(150)
                self.assertEqual(sorted(link.most for link in self.seen.links), [50, 100])
                self.finish(clients)

    def test_a_limit_that_is_lowered_in_use_is_kept(self):
        for lowered in (0, 1):
            with self.subTest(lowered=lowered):
                self.serve_held(settings=limited(10))
                clients = self.ask_many(5)
                self.seen.wait_calls(5)
                first = self.seen.links[0]
                first.send_settings(limited(lowered))
                first.acknowledged()
                clients += self.ask_many(5, "later")
                self.seen.wait_calls(10)
                self.assertEqual([len(link.calls) for link in self.seen.links], [5, 5])
                self.finish(clients)

    def test_a_limit_that_is_raised_is_used(self):
        self.serve_held(settings=limited(1))
        clients = self.ask_many(1)
        self.seen.wait_calls(1)
        self.seen.links[0].send_settings(limited(10))
        self.seen.links[0].acknowledged()
        clients += self.ask_many(9, "more")
        self.seen.wait_calls(10)
        self.assertEqual(len(self.seen.links), 1)
        self.finish(clients)

    def test_a_limit_of_nothing_leads_to_an_answer(self):
        seen = self.http2_backend(hold, settings=limited(0))
        self.serve_behind(seen, more="timeouts: {connect: 500ms}\n")
        for _ in range(3):
            self.assertIn(self.answer()["status"], (502, 503, 504))
        self.assertEqual(seen.calls, [])
        self.assertLess(len(seen.links), 20)


class Goaway(Limits):
    def test_idle_connections_are_replaced(self):
        self.seen = self.http2_backend()
        self.serve_behind(self.seen)
        for count in range(1, 4):
            self.assertEqual(self.answer()["status"], 200)
            self.seen.links[-1].goaway(1)
            eventually(lambda n=count: self.seen.links[n - 1].closed, "weir closes it")
            self.assertEqual(len(self.seen.links), count)

    def test_streams_below_the_last_id_end_and_others_are_retried(self):
        self.serve_held()
        clients = self.ask_many(3) + [self.ask("/post", method="POST")]
        first, second, *_ = self.seen.wait_calls(4)
        first.link.goaway(second.id)
        self.seen.wait_calls(6)
        self.assertEqual(sorted(self.seen.paths()[4:]), sorted(self.seen.paths()[2:4]))
        self.assertEqual(len(self.seen.links), 2)
        for call in self.seen.calls[2:4]:
            call.was_reset = True  # its client has been served elsewhere
        self.assertEqual({first.reset, second.reset}, {None})
        self.finish(clients)
        eventually(lambda: self.seen.links[0].closed, "the old connection is closed")
        self.assertFalse(self.seen.links[1].closed)

    def test_a_connection_may_be_wound_up_in_two_steps(self):
        self.serve_held()
        clients = self.ask_many(3)
        (*_, last) = self.seen.wait_calls(3)
        last.link.goaway()
        last.link.ping()
        clients += self.ask_many(3, "later")
        self.seen.wait_calls(6)
        self.assertEqual([len(link.calls) for link in self.seen.links], [3, 3])
        last.link.goaway(last.id)
        last.link.ping()
        self.assertEqual([call.reset for call in self.seen.calls], [None] * 6)
        self.finish(clients)
        eventually(lambda: self.seen.links[0].closed, "the old connection is closed")

    def test_large_responses_end_after_goaway(self):
        """haproxy 3ed936168"""
        body = b"x" * 5_000_000
        self.serve_held()
        clients = self.ask_many(3)
        for call in self.seen.wait_calls(3):
            call.begin()
            call.write(body[:2_000_000])
        self.seen.links[0].goaway(5)
        for call in self.seen.calls:
            call.write(body[2_000_000:], end=True)
        self.assertEqual({len(client.reader.response()["body"]) for client in clients}, {5_000_000})

    def test_a_body_on_its_way_is_sent_whole_or_not_at_all(self):
        """Its stream is above the last id."""
        seen = self.http2_backend()
        seen.on_data = lambda call, _: call.link is seen.links[0] and call.link.goaway(0)
        self.serve_behind(seen)
        response = self.upload(b"x" * 50_000).reader.response()
        self.assertIn(response["status"], (200, 502))
        if response["status"] == 200:
            self.assertEqual(len(response["body"]), 50_000)

    def test_a_buffered_body_is_sent_again(self):
        seen = self.http2_backend()
        seen.on_data = lambda call, _: call.link is seen.links[0] and call.link.goaway(0)
        self.serve_behind(
            seen, more=f"routes: {json.dumps([{'pool': 'web', 'buffer_requests': True, 'body_size': '1MiB'}])}\n"
        )
        self.assertEqual(self.upload(b"x" * 50_000).reader.response()["body"], b"x" * 50_000)
        self.assertEqual(len(seen.links), 2)

    def test_a_backend_that_always_goes_away_is_given_up(self):
        seen = self.http2_backend(hold, on_head=lambda call: call.link.goaway(0))
        self.serve_behind(seen)
        for method in ("GET", "POST"):
            self.assertEqual(self.answer(method=method)["status"], 502)
        self.assertLessEqual(len(seen.calls), 2 * 51)

    def test_another_backend_takes_what_one_does_not(self):
        seen = self.http2_backend(hold, on_head=lambda call: call.link.goaway(0))
        other = self.http2_backend(name="other")
        self.serve_behind(seen, other)
        for method in ("GET", "POST") * 3:
            self.assertEqual(self.answer(method=method)["fields"]["x-backend"], "other")

    def test_goaway_with_an_error_ends_as_a_closed_connection(self):
        self.serve_held()
        first = self.ask_many(1)
        self.seen.wait_calls(1)
        self.finish(first)
        get, post = self.ask("/get"), self.ask("/post", method="POST")
        self.seen.wait_calls(3)
        self.seen.links[0].goaway(5, h2.INTERNAL_ERROR)
        self.seen.links[0].close()
        self.assertEqual(post.reader.response()["status"], 502)
        self.assertEqual(self.seen.wait_calls(4)[-1].path, "/get")
        self.finish([get])

    def test_a_last_id_that_comes_with_the_first_frames(self):
        """The connection is of no use: weir opens no stream on it, or fails; it does not hang."""
        seen = self.http2_backend(greet=lambda link: (link.send_settings(), link.goaway(0)))
        self.serve_behind(seen)
        self.assertIn(self.answer()["status"], (502, 503, 504))
        self.assertLess(len(seen.links), 20)


class RefusedStreams(Limits):
    def test_any_method_is_retried(self):
        for method in ("GET", "POST", "DELETE", "PATCH"):
            with self.subTest(method=method):
                self.serve_behind(self.refusing())
                self.assertEqual(self.answer(method=method)["status"], 200)
                self.assertEqual(len(self.seen.calls), 2)

    def test_a_body_is_sent_whole_or_not_at_all(self):
        for route in ([], [{"pool": "web", "buffer_requests": True, "body_size": "1MiB"}]):
            with self.subTest(route=route):
                self.serve_behind(self.refusing(), more=f"routes: {json.dumps(route)}\n" if route else "")
                response = self.upload(b"x" * 500_000).reader.response()
                self.assertIn(response["status"], (200,) if route else (200, 502))
                if response["status"] == 200:
                    self.assertEqual(len(response["body"]), 500_000)

    def test_the_connection_serves_others(self):
        self.serve_behind(self.refusing(), other := self.http2_backend(name="other"))
        self.assertEqual({self.answer(f"/{number}")["status"] for number in range(10)}, {200})
        self.assertFalse(any(link.closed for link in self.seen.links + other.links))

    def test_a_backend_that_refuses_everything_is_given_up(self):
        self.serve_behind(self.refusing(numbers=range(10_000)))
        for method in ("GET", "POST"):
            self.assertEqual(self.answer(method=method)["status"], 502)
        self.assertLess(len(self.seen.calls), 20)

    def test_nothing_is_retried_once_the_response_has_begun(self):
        def script(call):
            call.begin(more=[("content-length", "10")])
            call.write(b"half")
            call.send_reset(h2.REFUSED_STREAM)

        self.serve_behind(seen := self.http2_backend(script))
        client = self.connect()
        view = client.request()
        client.wait(lambda: view.over, "it is broken off")
        self.assertFalse(view.ended and view.status == 200)
        self.assertEqual(len(seen.calls), 1)


class OtherResets(Limits):
    def test_idempotent_requests_are_retried_on_another_backend(self):
        for code in (h2.INTERNAL_ERROR, h2.CANCEL, h2.NO_ERROR):
            with self.subTest(code=code):
                self.serve_behind(self.refusing(code), self.http2_backend(name="other"))
                for _ in range(4):
                    self.assertEqual(self.answer()["status"], 200)
                self.assertEqual(len(self.seen.links), 1)

    def test_others_fail(self):
        for code in (h2.INTERNAL_ERROR, h2.CANCEL, h2.NO_ERROR, h2.PROTOCOL_ERROR):
            with self.subTest(code=code):
                self.serve_behind(self.refusing(code))
                self.assertEqual(self.answer(method="POST")["status"], 502)
                self.assertEqual(len(self.seen.calls), 1)
                self.assert_healthy()
                self.assertEqual(len(self.seen.links), 1)

    def test_a_reset_ends_its_stream_alone(self):
        self.serve_held()
        kept, begun = self.ask("/kept"), self.ask("/begun")
        other = self.connect()
        view = other.request(path="/other")
        self.seen.wait_calls(3)
        for call in self.seen.calls:
            if call.path != "/kept":
                call.begin(more=[("content-length", "100")])
                call.write(b"half")
        other.wait(lambda: bytes(view.body) == b"half", "it has begun")
        begun.reader.head()
        self.assertEqual(begun.reader.exactly(4), b"half")
        for call in self.seen.calls:
            if call.path != "/kept":
                call.send_reset(h2.INTERNAL_ERROR)
        other.wait(lambda: view.over, "it is broken off")
        self.assertNotIn(view.reset, (None, h2.NO_ERROR))
        self.assertEqual(begun.rest(), b"")
        self.finish([kept])
        self.assertEqual((len(self.seen.calls), len(self.seen.links)), (3, 1))


if __name__ == "__main__":
    main()
