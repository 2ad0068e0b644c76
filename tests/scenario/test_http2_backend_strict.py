"""Frames that an HTTP/2 backend must not send: its stream or its connection ends, and everything else goes on."""
import random

from support import http2_frames as h2
from support.http2_backend_scenario import Http2BackendScenario, limited
from support.scenario import SANITIZED, eventually, main

OK = h2.block([(":status", "200"), ("x-bad", "1")])
IDLE = 9_999  # a stream that weir has not opened


class Strict(Http2BackendScenario):
    def begin(self):
        """Starts a backend that sends `self.bad(call)` for /bad, on a connection of its own, and holds /held."""

        def on_head(call):
            if call.path == "/bad" and self.bad:
                call.link.polite, call.answered = False, True
                call.send(self.bad(call))
            elif call.path != "/held":
                call.link.backend.echo(call)

        self.seen = self.http2_backend(lambda _: None, on_head=on_head, settings=limited(1))
        self.serve_behind(self.seen)
        self.client_of_held = self.ask("/held")
        self.held = self.seen.wait_calls(1)[0]

    def connection_errors(self, cases):
        """Each of these ends the backend's connection, whatever becomes of the request, and nothing else."""
        self.begin()
        for name, bad in cases.items():
            with self.subTest(case=name):
                self.bad = bad if callable(bad) else lambda call, frames=bad: frames
                post = self.ask("/bad", method="POST")
                link = self.link_of_bad()
                self.assertEqual(post.reader.response()["status"], 502)
                eventually(lambda at=link: at.closed, "weir closes the connection")
                self.bad = None
                post.close()
        self.check_others()

    def link_of_bad(self):
        return eventually(lambda: self.seen.calls[-1].path == "/bad" and self.seen.calls[-1].link, "it has come")

    def stream_errors(self, cases):
        """Each of these costs the request, and at most its connection."""
        self.begin()
        for name, bad in cases.items():
            with self.subTest(case=name):
                self.bad = bad if callable(bad) else lambda call, frames=bad: frames
                self.check_refused(name)
                self.bad = None
                self.assertEqual(self.answer("/alive")["status"], 200)
        self.check_others()

    def check_refused(self, name):
        first = self.ask("/bad", method="POST")
        while (response := first.reader.response())["status"] < 200:
            self.assertEqual(response["status"], 103)
        self.assertEqual(response["status"], 502, name)
        self.assertNotIn("x-bad", response["fields"])
        other = self.connect()
        view = other.request("POST", "/bad")
        other.wait(lambda: view.over, "it is refused")
        self.assertTrue(view.status == 502 or view.reset, (view.status, view.reset))
        self.assertNotIn("x-bad", view.fields)
        for client in (first, other):
            client.close()

    def check_others(self):
        self.assertFalse(self.held.link.closed)
        self.held.respond(b"held")
        self.assertEqual(self.client_of_held.reader.response()["body"], b"held")
        self.assert_healthy()


class ConnectionErrors(Strict):
    def test_frames_on_streams_that_are_not_open(self):
        self.connection_errors(
            {
                "DATA": h2.data(IDLE, b"x"),
                "DATA on stream 0": h2.data(0, b"x"),
                "HEADERS": h2.headers(IDLE, OK),
                "HEADERS on stream 0": h2.headers(0, OK),
                "HEADERS on an even stream": h2.headers(2, OK),
                "RST_STREAM": h2.rst_stream(IDLE),
                "RST_STREAM on stream 0": h2.rst_stream(0),
                "WINDOW_UPDATE": h2.window_update(IDLE, 1),
                "SETTINGS on a stream": h2.frame(h2.SETTINGS, 0, 1),
                "PING on a stream": h2.frame(h2.PING, 0, 1, b"\0" * 8),
                "GOAWAY on a stream": h2.goaway(stream=1),
            }
        )

    def test_frames_of_a_wrong_size(self):
        self.connection_errors(
            {
                "SETTINGS of 5 bytes": h2.frame(h2.SETTINGS, 0, 0, b"\0" * 5),
                "SETTINGS with ACK and a value": h2.frame(h2.SETTINGS, h2.ACK, 0, b"\0" * 6),
                "PING of 7 bytes": h2.frame(h2.PING, 0, 0, b"\0" * 7),
                "GOAWAY of 7 bytes": h2.frame(h2.GOAWAY, 0, 0, b"\0" * 7),
                "RST_STREAM of 3 bytes": lambda call: h2.frame(h2.RST_STREAM, 0, call.id, b"\0" * 3),
                "WINDOW_UPDATE of 3 bytes": h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\0" * 3),
                "a frame of 16 KiB and a byte": lambda call: h2.data(call.id, b"x" * 16_385),
                "a frame of 16 MiB": lambda call: h2.frame(h2.DATA, 0, call.id, b"x" * 1_000, length=(1 << 24) - 1),
                "HEADERS of 16 KiB and a byte": lambda call: h2.frame(h2.HEADERS, 5, call.id, b"x" * 16_385),
            }
        )

    def test_settings_and_windows(self):
        self.connection_errors(
            {
                "pushes": h2.settings([(h2.ENABLE_PUSH, 1)]),
                "a window that is too large": h2.settings([(h2.INITIAL_WINDOW_SIZE, 1 << 31)]),
                "a frame size that is too small": h2.settings([(h2.MAX_FRAME_SIZE, 16_383)]),
                "a frame size that is too large": h2.settings([(h2.MAX_FRAME_SIZE, 1 << 24)]),
                "CONNECT of 2": h2.settings([(h2.ENABLE_CONNECT_PROTOCOL, 2)]),
                "an ACK without SETTINGS": h2.frame(h2.SETTINGS, h2.ACK, 0) * 3,
                "WINDOW_UPDATE by nothing": h2.window_update(0, 0),
                "WINDOW_UPDATE by too much": h2.window_update(0, h2.LARGEST_WINDOW) * 2,
                "a last id that rises": h2.goaway(1) + h2.goaway(5),
            }
        )

    def test_field_blocks(self):
        def unfinished(call):
            return h2.frame(h2.HEADERS, 0, call.id, OK)

        self.connection_errors(
            {
                "an index out of range": lambda call: h2.headers(call.id, h2.indexed(99)),
                "index 0": lambda call: h2.headers(call.id, h2.indexed(0)),
                "a table that is too large": lambda call: h2.headers(call.id, h2.table_size(1 << 20) + OK),
                "a string that is too long": lambda call: h2.headers(call.id, OK + b"\0\x7f\xff\xff\xff\xff\x0f"),
                "an integer without end": lambda call: h2.headers(call.id, b"\xff" * 20),
                "CONTINUATION alone": lambda call: h2.frame(h2.CONTINUATION, h2.END_HEADERS, call.id, OK),
                "PING within a block": lambda call: unfinished(call) + h2.ping(),
                "DATA within a block": lambda call: unfinished(call) + h2.data(call.id, b"x"),
                "a block of another stream": lambda call: unfinished(call) + h2.frame(h2.CONTINUATION, 4, 77, OK),
                "PUSH_PROMISE": lambda call: h2.frame(h2.PUSH_PROMISE, 4, call.id, b"\0\0\0\2" + h2.block(h2.head())),
                "padding that is too long": lambda call: h2.headers(call.id, OK, padding=(255, 3)),
                "10,000 CONTINUATIONs": lambda call: unfinished(call)
                + h2.frame(h2.CONTINUATION, 0, call.id, b"\0\1a\1b") * 10_000,
            }
        )

    def test_bytes_that_are_no_frames(self):
        self.connection_errors(
            {
                "HTTP/1.1": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                "the client's preface": h2.PREFACE + h2.settings(),
                "a TLS alert": b"\x15\x03\x03\x00\x02\x01\x00" * 10,
                "255": b"\xff" * 100_000,
            }
        )


class StreamErrors(Strict):
    def test_frames_in_the_wrong_order(self):
        self.stream_errors(
            {
                "DATA before HEADERS": lambda call: h2.data(call.id, b"x", end=True),
                "DATA before HEADERS, and HEADERS": lambda call: h2.data(call.id, b"x") + h2.headers(call.id, OK),
                "DATA after an interim response": lambda call: h2.headers(
                    call.id, h2.block([(":status", "103")]), end=False
                )
                + h2.data(call.id, b"x", end=True),
                "the end after an interim response": lambda call: h2.headers(call.id, h2.block([(":status", "100")])),
                "a window that is too large": lambda call: h2.window_update(call.id, h2.LARGEST_WINDOW),
                "a window that opens by nothing": lambda call: h2.window_update(call.id, 0),
                "a stream that depends on itself, and ends": lambda call: h2.rst_stream(call.id, h2.PROTOCOL_ERROR),
            }
        )

    def cut_off(self, cases):
        """Each of these begins a legal response that never looks complete to a client."""
        self.begin()
        for name, bad in cases.items():
            with self.subTest(case=name):
                self.bad = bad
                first = self.ask("/bad", "Connection: close\r\n", "POST")
                self.assert_cut(first.rest())
                other = self.connect()
                view = other.request("POST", "/bad")
                other.wait(lambda v=view: v.over, "it is over")
                self.assertFalse(view.ended and view.status == 200, name)
                self.bad = None
                for client in (first, other):
                    client.close()
        self.check_others()

    def assert_cut(self, text):
        head, _, body = text.partition(b"\r\n\r\n")
        if b" 502 " in head.split(b"\r\n")[0]:
            return
        if b"chunked" in head.lower():
            self.assertFalse(body.endswith(b"0\r\n\r\n"), text)
        elif b"content-length" in head.lower():
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            self.assertLess(len(body), length, text)
        else:
            self.assertEqual(text, b"")

    def test_bodies_that_differ_from_their_length(self):
        def sized(call, length, *pieces, **keys):
            head = h2.block([(":status", "200"), ("content-length", str(length))])
            frames = [h2.data(call.id, piece, end=piece is pieces[-1]) for piece in pieces]
            return h2.headers(call.id, head, end=not pieces) + b"".join(frames)

        self.cut_off(
            {
                "one byte less": lambda call: sized(call, 10, b"123456789"),
                "one byte more": lambda call: sized(call, 10, b"12345678901"),
                "one byte more in a frame of its own": lambda call: sized(call, 10, b"1234567890", b"1"),
                "nothing in DATA": lambda call: sized(call, 10, b""),
                "nothing": lambda call: sized(call, 10),
                "less, with trailers": lambda call: h2.headers(
                    call.id, h2.block([(":status", "200"), ("content-length", "10")]), end=False
                )
                + h2.data(call.id, b"123")
                + h2.headers(call.id, h2.block([("x-sum", "3")])),
            }
        )

    def test_trailers_that_are_illegal(self):
        def trailed(fields, end=True):
            return lambda call: (
                h2.headers(call.id, h2.block([(":status", "200")]), end=False)
                + h2.data(call.id, b"body")
                + h2.headers(call.id, h2.block(fields), end=end)
            )

        self.cut_off(
            {
                "a status": trailed([(":status", "200")]),
                "a path": trailed([(":path", "/")]),
                "upper case": trailed([("X-Upper", "1")]),
                "a field of the connection": trailed([("connection", "close")]),
                "CR and LF": trailed([("x-sum", "1\r\nx-evil: 1")]),
                "no end": trailed([("x-sum", "1")], end=False),
            }
        )

    def test_data_beyond_the_windows(self):
        def flood(call):
            count = 1_000_000 // 16_384  # more than a window that weir may have given back meanwhile
            call.window, call.link.window = call.window - count * 16_384, call.link.window - count * 16_384
            frames = h2.headers(call.id, h2.block([(":status", "200")]), end=False)
            return frames + h2.data(call.id, b"x" * 16_384) * count + h2.data(call.id, b"", end=True)

        self.begin()
        client = self.connect()
        self.bad = flood
        view = client.request("POST", "/bad")
        client.held.add(view.id)
        call = eventually(lambda: self.seen.calls[-1].path == "/bad" and self.seen.calls[-1], "it has come")
        eventually(lambda: call.reset == h2.FLOW_CONTROL_ERROR or call.link.closed, "weir refuses it")
        client.wait(lambda: view.over or len(view.body) == h2.FIRST_WINDOW, "what came before is there")
        client.held.clear()
        if not view.over:
            client.give_back(view, h2.FIRST_WINDOW)
        client.wait(lambda: view.over, "it is cut off")
        self.assertFalse(view.ended and view.status == 200)
        self.bad = None
        self.check_others()

    def test_content_where_there_is_none(self):
        """204, 304 and the response to HEAD, each with DATA."""
        self.begin()
        client = self.client(self.port)
        for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304)):
            with self.subTest(method=method, status=status):
                self.bad = lambda call, status=status: (
                    h2.headers(call.id, h2.block([(":status", str(status))]), end=False)
                    + h2.data(call.id, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-evil: 1\r\n\r\n", end=True)
                )
                client.send(f"{method} /bad HTTP/1.1\r\nHost: a\r\n\r\n")
                rest = client.reader.response(method)
                if rest is None or rest["fields"].get("connection") == "close":
                    client = self.client(self.port)
                self.assertNotIn("x-evil", (rest or {"fields": {}})["fields"])
                self.bad = None
                self.assertEqual(client.get("/alive")["body"], b"b /alive")
        self.check_others()


class Nonsense(Strict):
    def test_random_frames_do_no_harm(self):
        numbers = random.Random(7540)
        self.begin()
        for _ in range(30 if SANITIZED else 200):
            frames = b""
            for _ in range(numbers.randrange(1, 6)):
                kind, flags = numbers.randrange(0, 12), numbers.choice((0, 1, 4, 5, 8, 32, 255))
                stream = numbers.choice((0, 1, 1, 3, 2, IDLE))
                payload = numbers.choice((OK, numbers.randbytes(numbers.randrange(0, 40)), b"\0" * 8, b"\0" * 4))
                frames += h2.frame(kind, flags, stream, payload)
            self.bad = lambda call, frames=frames: frames + h2.rst_stream(call.id)
            client = self.ask("/bad", "Connection: close\r\n", "POST")
            self.link_of_bad().close()  # if weir has no reason to
            client.rest()
            client.close()
        self.bad = None
        self.check_others()


if __name__ == "__main__":
    main()
