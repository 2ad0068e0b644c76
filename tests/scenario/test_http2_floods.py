"""Floods of HTTP/2 frames that cost a client little: weir closes the connection, with ENHANCE_YOUR_CALM where the
frames are legal, serves its other clients meanwhile, and does not grow. Busy clients are not taken for floods.

CVE-2019-9511 to 9518, CVE-2023-44487 (rapid reset), CVE-2024-28182 (CONTINUATION), CVE-2025-8671 (MadeYouReset),
CVE-2026-49975 (indexed fields).
"""
import struct
import threading

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario, respond
from support.scenario import SANITIZED, eventually, main

CALM = {h2.ENHANCE_YOUR_CALM}
FRAMES = 30_000
GROWTH = (200 << 10) if SANITIZED else (8 << 10)  # kilobytes


class Floods(Http2Scenario):
    def setUp(self):
        super().setUp()
        self.serve()
        self.other = self.connect()
        self.assert_serves(self.other)
        self.before = self.proxy.memory()

    def flood(self, pieces, codes=CALM, client=None):
        """Sends pieces until weir closes the connection, which it must; a client beside is served meanwhile."""
        client = client or self.connect()
        for number, piece in enumerate(pieces):
            client.send(piece)
            if number % 100 == 0 and not client.closed:
                self.assert_serves(self.other)
            if client.closed:
                break
        self.assertTrue(client.goaways or client.closed, "weir takes it all")
        self.assert_connection_error(client, codes)
        self.assert_serves(self.other)
        self.assert_serves()
        self.assertLess(self.proxy.memory() - self.before, GROWTH)

    def frames(self, piece, at_once=100):
        """Returns this frame many times."""
        return (piece * at_once for _ in range(FRAMES // at_once))

    def requests(self, follow, count=FRAMES, method="POST", more=(), end=False):
        """Returns requests, each followed by the bytes of follow(stream)."""
        block = h2.block(h2.head(method, more=more))
        return (h2.headers(n, block, end=end) + follow(n) for n in range(1, 2 * count, 2))


class Resets(Floods):
    def test_rapid_reset(self):
        self.flood(self.requests(h2.rst_stream, end=True, method="GET"))

    def test_rapid_reset_of_uploads(self):
        self.flood(self.requests(h2.rst_stream))

    def test_resets_made_by_a_window(self):
        """MadeYouReset: weir resets the stream, so that its limit of streams does not hold the client back."""
        self.flood(self.requests(lambda n: h2.window_update(n, h2.LARGEST_WINDOW)))

    def test_resets_made_by_an_increment_of_zero(self):
        self.flood(self.requests(lambda n: h2.window_update(n, 0)), CALM | {h2.PROTOCOL_ERROR})

    def test_resets_made_by_data_over_the_length(self):
        more = [("content-length", "1")]
        self.flood(self.requests(lambda n: h2.data(n, b"too long", end=True), more=more))

    def test_resets_made_by_trailers_that_do_not_end(self):
        trailers = h2.block([("x", "1")])
        follow = self.requests(lambda n: h2.headers(n, trailers, end=False))
        self.flood(follow, CALM | {h2.PROTOCOL_ERROR})

    def test_resets_made_by_a_stream_that_depends_on_itself(self):
        """May be ignored: then they are PRIORITY frames."""
        self.flood(self.requests(lambda n: h2.priority(n, n) + h2.rst_stream(n)), CALM | {h2.PROTOCOL_ERROR})

    def test_requests_that_are_refused(self):
        self.flood(self.requests(lambda n: b"", more=[("X-Upper", "1")]))
        self.flood(self.requests(lambda n: b"", more=[("connection", "close")]))

    def test_frames_of_streams_that_were_reset(self):
        client = self.connect()
        client.request("POST", end=False)
        client.send(h2.rst_stream(1))
        self.flood(self.frames(h2.data(1)), CALM | {h2.STREAM_CLOSED}, client)

    def test_heads_of_streams_that_weir_has_reset(self):
        """They may be trailers that were on their way, but not 30,000 of them."""
        client = self.connect()
        view = client.request("POST", end=False)
        client.send(h2.window_update(view.id, h2.LARGEST_WINDOW))
        client.wait(lambda: view.reset is not None, "the stream is reset")
        trailers = h2.headers(view.id, h2.block([("x-trailer", "1")]))
        self.flood(self.frames(trailers), CALM | {h2.PROTOCOL_ERROR, h2.STREAM_CLOSED}, client)

    def test_most_requests_of_a_flood_do_not_reach_the_backend(self):
        self.seen.requests.clear()
        self.flood(self.requests(lambda n: h2.window_update(n, h2.LARGEST_WINDOW)))
        self.assertLess(len([one for one in self.seen.requests if one["method"] == "POST"]), 3_000)


class Frames(Floods):
    """Frames that ask for nothing."""

    def test_settings(self):
        self.flood(self.frames(h2.settings()))

    def test_settings_with_many_entries(self):
        entries = [(h2.INITIAL_WINDOW_SIZE, 65_535 + n % 2) for n in range(2_000)]
        self.flood((h2.settings(entries) for _ in range(1_000)), CALM | {h2.PROTOCOL_ERROR, h2.INTERNAL_ERROR})

    def test_acknowledgments_of_nothing(self):
        self.flood(self.frames(h2.frame(h2.SETTINGS, h2.ACK, 0)), CALM | {h2.PROTOCOL_ERROR})

    def test_ping(self):
        self.flood(self.frames(h2.ping()))

    def test_answers_to_no_ping(self):
        self.flood(self.frames(h2.ping(flags=h2.ACK)))

    def test_priority(self):
        self.flood(self.frames(h2.priority(1)))
        self.flood(h2.priority(n) for n in range(1, 2 * FRAMES, 2))

    def test_window_updates(self):
        self.flood(self.frames(h2.window_update(0, 1)))
        client = self.connect()
        client.request("POST", end=False)
        self.flood(self.frames(h2.window_update(1, 1)), client=client)

    def test_unknown_frames(self):
        self.flood(self.frames(h2.frame(0xFA, 0, 0)))
        self.flood(self.frames(h2.frame(0xFA, 0, 1, b"x" * 100)))

    def test_goaway(self):
        client = self.connect()
        client.request("POST", end=False)
        self.flood(self.frames(h2.goaway()), client=client)

    def test_empty_data(self):
        for piece in (h2.data(1), h2.data(1, padding=0)):
            client = self.connect()
            client.request("POST", end=False)
            self.flood(self.frames(piece), client=client)

    def test_data_that_is_all_padding(self):
        client = self.connect()
        client.request("POST", end=False)
        for _ in range(FRAMES):
            client.wait(lambda: client.window >= 256 or client.closed, "a window opens")
            if client.closed:
                break
            client.window -= 256
            client.send(h2.data(1, padding=255))
        self.assert_connection_error(client, CALM | {h2.FLOW_CONTROL_ERROR})
        self.assert_serves(self.other)

    def test_answers_that_are_not_read(self):
        """Answers must not pile up in memory."""
        for piece in (h2.ping(), h2.settings()):
            client = self.connect_raw(receive_buffer=4096)
            client.drain = lambda: None
            self.send_without_reading(client, piece * 1_000, 100)
            self.assertLess(self.proxy.memory() - self.before, GROWTH)
            self.assert_serves(self.other)
            client.close()

    def send_without_reading(self, client, piece, times):
        """Sends until it is closed or can send no more."""
        for _ in range(times):
            try:
                client.send(piece, timeout=2)
            except AssertionError:
                return


class Blocks(Floods):
    """Field blocks without end, and blocks that grow when they are decoded."""

    BLOCK_ERRORS = CALM | {h2.PROTOCOL_ERROR, h2.INTERNAL_ERROR, h2.COMPRESSION_ERROR}

    def test_continuation_without_end(self):
        for payload in (b"", h2.block([("x", "y" * 100)])):
            client = self.connect()
            client.send(h2.frame(h2.HEADERS, h2.END_STREAM, 1, h2.block(h2.head())))
            self.flood(self.frames(h2.frame(h2.CONTINUATION, 0, 1, payload)), self.BLOCK_ERRORS, client)

    def test_blocks_that_are_large_when_decoded(self):
        client = self.connect()
        client.send(h2.headers(1, h2.block(h2.head()) + h2.added("x", "y" * 4_000)))
        client.finish(client.view(1))
        bomb = h2.block(h2.head()) + h2.indexed(62) * 15_000  # 60 MB
        self.flood((h2.headers(n, bomb) for n in range(3, 2_000, 2)), self.BLOCK_ERRORS, client)
        self.assertEqual([one["fields"] for one in self.seen.requests if len(one["lines"]) > 150], [])

    def test_crumbs_that_are_large_when_decoded(self):
        client = self.connect()
        client.send(h2.headers(1, h2.block(h2.head()) + h2.added("cookie", "y" * 4_000)))
        client.finish(client.view(1))
        bomb = h2.block(h2.head()) + h2.indexed(62) * 15_000
        self.flood((h2.headers(n, bomb) for n in range(3, 2_000, 2)), self.BLOCK_ERRORS, client)

    def test_trailers_that_are_large_when_decoded(self):
        client = self.connect()
        client.send(h2.headers(1, h2.block(h2.head()) + h2.added("x", "y" * 4_000)))
        client.finish(client.view(1))
        bomb, post = h2.indexed(62) * 15_000, h2.block(h2.head("POST"))
        pieces = (h2.headers(n, post, end=False) + h2.headers(n, bomb) for n in range(3, 2_000, 2))
        self.flood(pieces, self.BLOCK_ERRORS, client)

    def test_changes_of_the_table(self):
        block = h2.block(h2.head(method="GET"))
        changes = b"".join(h2.table_size(0) + h2.table_size(4096) for _ in range(2_000))
        pieces = (h2.headers(n, changes + block) for n in range(1, 4_000, 2))
        client = self.connect()
        for number, piece in zip(range(200), pieces):
            client.send(piece)
        client.send(h2.ping())
        client.wait(lambda: client.closed or client.pongs, "it is read")
        self.assert_serves(self.other)
        self.assertLess(self.proxy.memory() - self.before, GROWTH)


class Windows(Http2Scenario):
    def test_large_responses_behind_shut_windows_cost_little(self):
        self.serve(lambda connection, _: respond(connection, b"x" * (4 << 20)), more="timeouts: {client_idle: 30s}")
        before = self.proxy.memory()
        clients = [self.connect(settings=[(h2.INITIAL_WINDOW_SIZE, 0)]) for _ in range(3)]
        for client in clients:
            for _ in range(100):
                client.request()
        for client in clients:
            client.wait(lambda c=client: all(view.status for view in c.streams.values()), "all have begun")
        if not SANITIZED:  # a sanitizer has a shadow of each byte
            self.assertLess(self.proxy.memory() - before, 300 * 160 + (8 << 10))
        for client in clients:
            client.close()
        eventually(lambda: list(self.proxy.backends().values())[0]["active"] == 0, "all are over")


class Busy(Http2Scenario):
    """Clients that send much, and ask for much."""

    def test_a_browser_that_cancels_a_page(self):
        everything = threading.Event()
        self.addCleanup(everything.set)

        def script(connection, request):
            if request["target"] == "/slow":
                everything.wait(60)
            respond(connection)

        self.serve(script)
        client = self.connect()
        for _ in range(3):
            views = [client.request(path="/slow") for _ in range(100)]
            client.ping()
            client.send(b"".join(h2.rst_stream(view.id) for view in views))
            for _ in range(100):
                self.assertEqual(client.get("/quick").status, 200)

    def test_small_messages_of_a_long_upload(self):
        self.serve()
        client = self.connect()
        view = client.request("POST", end=False)
        piece = struct.pack(">BI", 0, 15) + b"a short message"  # as gRPC sends them
        for _ in range(200):
            client.wait(lambda: min(client.window, view.window) >= 100 * len(piece), "a window opens")
            size = 100 * len(piece)
            client.window, view.window = client.window - size, view.window - size
            client.send(h2.data(view.id, piece) * 100)
        client.send_body(view, b"")
        self.assertEqual(len(client.finish(view).body), 20_000 * len(piece))

    def test_a_window_update_for_every_frame(self):
        self.serve(lambda connection, _: respond(connection, b"x" * (20 << 20)))
        client = self.connect(settings=[(h2.INITIAL_WINDOW_SIZE, 4_096)])
        self.assertEqual(len(client.finish(client.request()).body), 20 << 20)

    def test_a_ping_for_every_request(self):
        self.serve()
        client = self.connect()
        for _ in range(3_000 if SANITIZED else 10_000):
            view = client.request()
            client.send(h2.ping())
            client.finish(view)
        client.ping()


if __name__ == "__main__":
    main()
