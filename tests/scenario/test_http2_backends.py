"""HTTP/2 to backends: heads, bodies and trailers both ways, for clients of HTTP/1.1 and HTTP/2."""
from support import http2_frames as h2
from support.http2_backend_scenario import Http2BackendScenario, hold
from support.scenario import SANITIZED, eventually, main

BODY = bytes(range(256)) * (2_000 if SANITIZED else 8_000)


class RequestHeads(Http2BackendScenario):
    def setUp(self):
        super().setUp()
        self.seen = self.http2_backend()

    def last(self):
        return self.seen.calls[-1]

    def test_the_pseudo_fields_are_those_of_the_request(self):
        self.serve_behind(self.seen)
        self.client(self.port).get("/it?q=1", host="site.example:81", extra="X-Mixed-Case: Kept\r\n")
        self.connect().get("/it?q=1", authority="site.example:81", more=[("x-mixed-case", "Kept")])
        for call in self.seen.calls:
            pseudo = {":method": "GET", ":scheme": "http", ":authority": "site.example:81", ":path": "/it?q=1"}
            self.assertEqual({name: call.fields[name] for name in pseudo}, pseudo)
            self.assertEqual((call.fields["x-mixed-case"], call.fields["x-forwarded-for"]), ("Kept", "127.0.0.1"))
        self.assertEqual(len(self.seen.calls), 2)

    def test_methods_and_targets_pass(self):
        self.serve_behind(self.seen)
        client = self.connect()
        for method in ("GET", "HEAD", "DELETE", "OPTIONS", "PUT", "POST", "PATCH", "REPORT"):
            with self.subTest(method):
                self.assertEqual(client.finish(client.request(method, "/it?q=%20")).status, 200)
                self.assertEqual((self.last().method, self.last().path), (method, "/it?q=%20"))
                self.assertEqual(self.answer("/it?q=%20", method=method)["status"], 200)
                self.assertEqual((self.last().method, self.last().path), (method, "/it?q=%20"))
                self.assertEqual(self.last().body, b"")
        self.answer("*", method="OPTIONS")
        self.assertIn(self.last().path, ("*", "/it?q=%20"))

    def test_the_target_in_absolute_form_gives_the_authority(self):
        self.serve_behind(self.seen)
        self.client(self.port).get("http://other.example/page", host="other.example")
        self.assertEqual((self.last().fields[":authority"], self.last().path), ("other.example", "/page"))

    def test_fields_of_the_connection_are_left_out(self):
        self.serve_behind(self.seen)
        hop = "Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n"
        self.answer(extra=hop + "X-Stays: 1\r\n")
        self.assertNotIn("x-hop", self.last().fields)
        self.assertEqual(self.last().fields["x-stays"], "1")
        self.answer(extra="Transfer-Encoding: chunked\r\n\r\n0\r\n", method="POST")
        self.assertNotIn("transfer-encoding", self.last().fields)

    def test_te_trailers_is_kept(self):
        """go#21096: servers of gRPC require it."""
        self.serve_behind(self.seen)
        self.connect().get(more=[("te", "trailers")])
        self.assertEqual(self.last().fields["te"], "trailers")
        self.answer(extra="TE: trailers, gzip\r\nConnection: TE\r\n")
        self.assertIn(self.last().fields.get("te"), (None, "trailers"))

    def test_cookies_are_whole(self):
        self.serve_behind(self.seen)
        self.connect().get(more=[("cookie", "a=1"), ("cookie", "b=2; c=3")])
        self.answer(extra="Cookie: a=1; b=2; c=3\r\n")
        self.assertEqual([call.fields["cookie"] for call in self.seen.calls], ["a=1; b=2; c=3"] * 2)

    def test_large_heads_pass_both_ways(self):
        large = [(f"x-large-{number}", str(number) * 3_000) for number in range(4)]
        self.seen.script = lambda call: call.respond(more=large)
        self.serve_behind(self.seen, more="limits: {header_size: 64KiB}")
        view = self.connect().get(more=large)
        response = self.answer(extra="".join(f"{name}: {value}\r\n" for name, value in large))
        for name, value in large:
            self.assertEqual({call.fields[name] for call in self.seen.calls}, {value})
            self.assertEqual((view.fields[name], response["fields"][name]), (value, value))

    def test_the_table_of_fields_is_kept_in_step(self):
        for size in (4096, 0, 100):
            with self.subTest(size=size):
                seen = self.http2_backend(settings=[(h2.HEADER_TABLE_SIZE, size)])
                self.serve_behind(seen)
                client = self.connect()
                for number in range(60):
                    client.get(f"/{number}", more=[("x-kept", "v" * 50), (f"x-{number}", str(number))])
                self.assertEqual(seen.paths(), [f"/{number}" for number in range(60)])
                self.assertEqual({call.fields["x-kept"] for call in seen.calls}, {"v" * 50})
                self.assertEqual([call.fields[f"x-{n}"] for n, call in enumerate(seen.calls)], [*map(str, range(60))])

    def test_the_table_size_may_change_in_use(self):
        self.serve_behind(self.seen)
        client = self.connect()
        for size in (4096, 0, 64, 0, 4096):
            client.get(more=[("x-kept", "v" * 50)])
            self.seen.links[0].send_settings([(h2.HEADER_TABLE_SIZE, size)])
            self.seen.links[0].acknowledged()
            client.get(more=[("x-kept", "v" * 50)])
        self.assertEqual(len(self.seen.links), 1)

    def test_pushes_are_turned_off(self):
        self.serve_behind(self.seen)
        self.answer()
        self.assertEqual(self.seen.links[0].settings[h2.ENABLE_PUSH], 0)


class Responses(Http2BackendScenario):
    def serve_script(self, script):
        self.seen = self.http2_backend(script)
        self.serve_behind(self.seen)

    def test_heads_become_those_of_http_1_1(self):
        more = [("x-one", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-empty", "")]
        self.serve_script(lambda call: call.respond(b"ok", 418, more))
        response = self.answer()
        self.assertTrue(response["first"].startswith("HTTP/1.1 418"), response["first"])
        cookies = [line.split(": ")[1] for line in response["lines"] if line.lower().startswith("set-cookie")]
        self.assertEqual((cookies, response["body"]), (["a=1", "b=2"], b"ok"))
        self.assertFalse([line for line in response["lines"] if line.startswith(":")])
        view = self.connect().get()
        self.assertEqual((view.status, view.fields["set-cookie"], view.fields["x-one"]), (418, "a=1; b=2", "1"))

    def test_bodies_may_have_a_length_or_none(self):
        def script(call):
            call.begin(more=[("content-length", "7")] if call.path == "/length" else [])
            for piece in (b"abc", b"", b"defg"):
                call.send(h2.data(call.id, piece))
            call.send(h2.data(call.id, b"", end=True))

        self.serve_script(script)
        for path in ("/length", "/none"):
            self.assertEqual(self.answer(path)["body"], b"abcdefg")
            self.assertEqual(bytes(self.connect().get(path).body), b"abcdefg")
        old = self.client(self.port).send("GET /none HTTP/1.0\r\nHost: a\r\n\r\n")
        self.assertTrue(old.rest().endswith(b"\r\n\r\nabcdefg"))

    def test_padded_data_is_read(self):
        def script(call):
            call.begin()
            frames = min(call.window, call.link.window) // 202 - 1  # padding counts against the windows
            call.window, call.link.window = call.window - 202 * frames, call.link.window - 202 * frames - 13
            for _ in range(frames):
                call.send(h2.data(call.id, b"a", padding=200))
            call.answered = True
            call.send(h2.data(call.id, b"end", end=True, padding=9))

        self.serve_script(script)
        for _ in range(20):
            self.assertTrue(self.answer()["body"].endswith(b"aend"))

    def test_responses_without_content_end_at_the_head(self):
        def script(call):
            status = int(call.path[1:])
            call.begin(status, [("etag", "x")] if status == 304 else [], end=call.method == "HEAD" or status != 205)
            if not call.answered:
                call.write(b"", end=True)

        self.serve_script(script)
        first, other = self.client(self.port), self.connect()
        for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 205), ("GET", 200)):
            with self.subTest(method=method, status=status):
                self.assertEqual(first.get(f"/{status}", method=method)["status"], status)
                view = other.finish(other.request(method, f"/{status}"))
                self.assertEqual((view.status, bytes(view.body)), (status, b""))
                self.assertIn(h2.HEADERS, view.kinds())

    def test_an_empty_data_frame_may_end_a_204(self):
        """h2o#3218"""
        self.serve_script(lambda call: (call.begin(204), call.write(b"", end=True)))
        self.assertEqual([self.answer()["status"] for _ in range(3)], [204] * 3)
        self.assertEqual(self.connect().get().status, 204)

    def test_the_length_of_a_response_to_head_is_kept(self):
        self.serve_script(lambda call: call.begin(200, [("content-length", "70")], end=True))
        client = self.client(self.port)
        for _ in range(3):
            self.assertEqual(client.get(method="HEAD")["fields"]["content-length"], "70")

    def test_interim_responses_are_passed_on(self):
        def script(call):
            call.begin(103, [("link", "</a.css>")])
            call.begin(103, [("link", "</b.css>")])
            call.respond(b"ok")

        self.serve_script(script)
        view = self.connect().get()
        self.assertEqual([one["link"] for one in view.informational], ["</a.css>", "</b.css>"])
        self.assertEqual((view.status, bytes(view.body)), (200, b"ok"))
        reader = self.ask().reader
        self.assertEqual([reader.response()["status"] for _ in range(3)], [103, 103, 200])

    def test_a_response_without_data_stays_one_frame(self):
        """nghttp2#588: a response of gRPC may be its head alone."""
        self.serve_script(lambda call: call.begin(200, [("grpc-status", "5")], end=True))
        view = self.connect().get()
        self.assertEqual((view.kinds(), view.fields["grpc-status"]), ([h2.HEADERS], "5"))

    def test_trailers_are_passed_on(self):
        def script(call):
            call.begin(200)
            call.write(b"body", end=True, trailers=[("x-sum", "4"), ("grpc-status", "0")])

        self.serve_script(script)
        view = self.connect().get(more=[("te", "trailers")])
        self.assertEqual((bytes(view.body), view.trailers), (b"body", {"x-sum": "4", "grpc-status": "0"}))
        rest = self.ask(extra="TE: trailers\r\nConnection: TE, close\r\n").rest()
        self.assertRegex(rest.lower(), rb"\r\n4\r\nbody\r\n0\r\nx-sum: 4\r\ngrpc-status: 0\r\n\r\n$")

    def test_trailers_of_a_large_body_are_not_lost(self):
        """haproxy#2388: they wait behind data that is not read yet."""
        self.serve_script(lambda call: (call.begin(), call.write(BODY, end=True, trailers=[("x-sum", "9")])))
        client = self.connect()
        view = client.request()
        client.held.add(view.id)
        client.wait(lambda: len(view.body) == h2.FIRST_WINDOW, "its window is used up")
        client.held.clear()
        client.give_back(view, h2.FIRST_WINDOW)
        client.finish(view)
        self.assertEqual((len(view.body), view.trailers), (len(BODY), {"x-sum": "9"}))

    def test_a_reset_after_the_whole_response_does_not_undo_it(self):
        """envoy#44749: RST_STREAM(NO_ERROR) behind END_STREAM."""
        body = b"whole" * 10_000

        def script(call):
            call.respond(body[:60_000])
            call.send(h2.rst_stream(call.id, h2.NO_ERROR))

        self.serve_script(script)
        for _ in range(5):
            self.assertEqual(self.answer()["body"], body)
            self.assertEqual(bytes(self.connect().get().body), body)


class RequestBodies(Http2BackendScenario):
    def setUp(self):
        super().setUp()
        self.seen = self.http2_backend()

    def test_bodies_keep_their_length_or_have_none(self):
        self.serve_behind(self.seen)
        self.assertEqual(self.upload(b"hello").reader.response()["body"], b"hello")
        self.assertEqual(self.seen.calls[-1].fields["content-length"], "5")
        chunked = self.ask(extra="Transfer-Encoding: chunked\r\n", method="POST").send(
            b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
        )
        self.assertEqual(chunked.reader.response()["body"], b"hello")
        self.assertNotIn("content-length", self.seen.calls[-1].fields)
        client = self.connect()
        self.assertEqual(bytes(client.finish(client.request("POST", body=b"hello")).body), b"hello")
        self.assertNotIn("content-length", self.seen.calls[-1].fields)

    def test_large_bodies_pass_both_ways(self):
        self.serve_behind(self.seen)
        client = self.connect()
        view = client.request("POST", end=False)
        client.upload(view, BODY)
        self.assertTrue(client.finish(view).body == BODY)
        self.assertTrue(self.upload(BODY).reader.response()["body"] == BODY)
        self.assertTrue(all(call.body == BODY for call in self.seen.calls))

    def test_small_windows_of_the_backend_are_kept(self):
        for window in (1, 1_000):
            with self.subTest(window=window):
                seen = self.http2_backend(settings=[(h2.INITIAL_WINDOW_SIZE, window)])
                self.serve_behind(seen)
                body = BODY[: 300 * window]
                self.assertEqual(self.upload(body).reader.response()["body"], body)

    def test_windows_may_shrink_and_grow_in_use(self):
        """nghttp2 129daeff"""
        self.seen.on_head = lambda call: call.link.held.add(call.id)
        self.serve_behind(self.seen)
        client = self.connect()
        view = client.request("POST", end=False)
        client.upload(view, b"x" * 40_000, end=False)
        (call,) = self.seen.wait_calls(1)
        eventually(lambda: len(call.body) == 40_000, "all has come")
        for window in (10_000, 0, 30_000, 65_535):
            call.link.send_settings([(h2.INITIAL_WINDOW_SIZE, window)])
            call.link.acknowledged()
        client.upload(view, b"y" * 20_000, end=True)
        self.assertEqual(len(client.finish(view).body), 60_000)

    def test_trailers_are_passed_on(self):
        self.serve_behind(self.seen)
        client = self.connect()
        view = client.request("POST", body=b"body", end=False)
        client.send(h2.headers(view.id, h2.block([("x-sum", "4")])))
        client.finish(view)
        self.assertEqual((self.seen.calls[-1].body, self.seen.calls[-1].trailers), (b"body", [("x-sum", "4")]))
        chunked = self.ask(extra="Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n", method="POST")
        self.assertEqual(chunked.send(b"4\r\nbody\r\n0\r\nX-Sum: 4\r\n\r\n").reader.response()["status"], 200)
        self.assertEqual((self.seen.calls[-1].body, self.seen.calls[-1].trailers), (b"body", [("x-sum", "4")]))

    def test_an_expected_continue_comes_from_the_backend(self):
        self.seen.on_head = lambda call: call.begin(100)
        self.serve_behind(self.seen)
        client = self.ask(extra="Expect: 100-continue\r\nContent-Length: 5\r\n", method="POST")
        self.assertEqual(client.reader.response()["status"], 100)
        client.send("hello")
        self.assertEqual(client.reader.response()["body"], b"hello")
        other = self.connect()
        view = other.request("POST", end=False, more=[("expect", "100-continue"), ("content-length", "5")])
        other.wait(lambda: view.informational, "100 Continue")
        other.send_body(view, b"hello")
        self.assertEqual(bytes(other.finish(view).body), b"hello")

    def test_a_stream_talks_both_ways_at_once(self):
        """caddy#3556: neither head waits for a body."""
        self.seen.on_head = lambda call: call.begin()
        self.seen.on_data = lambda call, piece: call.write(piece)
        self.seen.script = lambda call: call.write(b"", end=True, trailers=[("grpc-status", "0")])
        self.serve_behind(self.seen)
        client = self.connect()
        view = client.request("POST", end=False)
        client.wait(lambda: view.status == 200, "the response has begun")
        for number in range(20):
            client.send_body(view, b"%02d" % number, end=False)
            client.wait(lambda n=number: len(view.body) == 2 * n + 2, "the echo")
        client.send_body(view, b"")
        self.assertEqual(client.finish(view).trailers, {"grpc-status": "0"})


class EarlyResponses(Http2BackendScenario):
    """The backend answers before the upload has ended, and reads no more of it (haproxy#3495, go#16788)."""

    def check(self, on_head):
        seen = self.http2_backend(hold, on_head=on_head)
        self.serve_behind(seen)
        client = self.ask(extra="Content-Length: 10000000\r\n", method="POST").send(b"x" * 100_000)
        response = client.reader.response()
        self.assertEqual((response["status"], response["body"]), (413, b"too much"))
        other = self.connect()
        view = other.request("POST", end=False)
        other.upload(view, b"x" * 10_000_000, end=False)
        self.assertEqual((view.status, bytes(view.body)), (413, b"too much"))
        client.close()
        for call in seen.calls:
            eventually(lambda c=call: c.over or c.was_reset, "the upload is stopped")
            self.assertFalse(call.ended)
        seen.on_head, seen.script = None, seen.echo
        self.assert_healthy()
        self.assertEqual(len(seen.links), 1)

    def test_with_a_reset_behind_the_response(self):
        self.check(lambda call: (call.respond(b"too much", 413), call.send_reset(h2.NO_ERROR)))

    def test_without_a_reset(self):
        def on_head(call):
            call.link.held.add(call.id)
            call.respond(b"too much", 413)

        self.check(on_head)

    def test_an_upload_may_go_on_while_it_is_read(self):
        seen = self.http2_backend(hold, on_head=lambda call: (call.begin(), call.write(b"early")))
        seen.script = lambda call: call.write(b" and late", end=True)
        self.serve_behind(seen)
        client = self.connect()
        view = client.request("POST", end=False)
        client.wait(lambda: bytes(view.body) == b"early", "it has begun")
        client.upload(view, BODY)
        self.assertEqual(bytes(client.finish(view).body), b"early and late")
        self.assertTrue(seen.calls[0].body == BODY)


if __name__ == "__main__":
    main()
