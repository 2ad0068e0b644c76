"""RFC 9113 section by section, and RFC 7541: what breaks the rules of frames, streams and connections.

Codes are those that the section names, and others where a library may detect the same error elsewhere: what matters is
that the error is seen, and whether it ends the stream or the connection.
"""
import struct
import threading

from support import http2_frames as h2
from support.http2_rules import CLOSED, GET, OPEN_BODY, Rules
from support.http2_scenario import Http2Scenario, respond
from support.scenario import main


class Preface(Rules):
    """Section 3.4."""

    def test_a_wrong_preface_is_refused(self):
        for preface in (
            h2.PREFACE[:-2] + b"\n\n" + h2.settings(),
            b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + h2.settings(),
            b"PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n" + h2.settings(),
            b"PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2.settings(),
            b"PRI * HTTP/2.0\r\nHost: a\r\n\r\nSM\r\n\r\n",
        ):
            with self.subTest(preface=preface):
                client = self.client(self.port).send(preface)
                client.rest()  # until the end, whatever it says
        self.assertEqual(self.seen.connections, [])
        self.assert_serves()

    def test_settings_must_come_first(self):
        for frames in (h2.ping(), h2.headers(1, GET), h2.window_update(0, 1), h2.frame(h2.SETTINGS, h2.ACK, 0)):
            with self.subTest(frames=frames):
                client = self.connect_raw(preface=h2.PREFACE + frames)
                self.assert_connection_error(client, {h2.PROTOCOL_ERROR})
        self.assertEqual(self.seen.requests, [])

    def test_a_preface_may_come_in_pieces(self):
        client = self.connect_raw(preface=b"")
        client.polite = False  # an answer would come in the middle of a frame
        client.outgoing.clear()
        for byte in h2.PREFACE + h2.settings() + h2.headers(1, GET):
            client.send(bytes([byte]))
        self.assertEqual(client.finish(client.view(1)).status, 200)

    def test_a_request_may_come_with_the_preface(self):
        client = self.connect_raw(preface=h2.PREFACE + h2.settings() + h2.headers(1, GET))
        self.assertEqual(client.finish(client.view(1)).status, 200)


class LatePreface(Http2Scenario):
    def test_a_preface_that_does_not_end_in_time_is_given_up(self):
        self.serve(more="timeouts: {client_header: 1s, client_idle: 1s}")
        for preface in (h2.PREFACE[:4], h2.PREFACE[:20], h2.PREFACE, h2.PREFACE + h2.settings()[:5]):
            with self.subTest(preface=preface):
                client = self.client(self.port).send(preface)
                client.rest()  # weir closes
        self.assert_serves()


class Frames(Rules):
    """Sections 4 and 5.5."""

    def test_unknown_frames_and_flags_are_ignored(self):
        self.ignored(
            {
                "of the connection": h2.frame(0xFA, 0xFF, 0, b"x" * 100),
                "of a stream": h2.frame(0x17, 0, OPEN_BODY, b"x"),
                "of an idle stream": h2.frame(0x17, 0, 77, b""),
                "as large as a frame may be": h2.frame(0x42, 0, 0, b"x" * 16_384),
                "PRIORITY_UPDATE": h2.frame(0x10, 0, 0, struct.pack(">I", OPEN_BODY) + b"u=1, i"),
                "flags of PING": h2.ping(flags=0xFE),
                "flags of DATA": h2.frame(h2.DATA, 0xD6, OPEN_BODY, b"x"),
                "flags of WINDOW_UPDATE": h2.frame(h2.WINDOW_UPDATE, 0xFF, 0, struct.pack(">I", 1)),
            }
        )

    def test_the_reserved_bit_is_ignored(self):
        self.ignored(
            {
                "of a stream": h2.data(OPEN_BODY | 1 << 31, b"x"),
                "of the connection": h2.frame(h2.PING, 0, 1 << 31, b"12345678"),
                "of an increment": h2.window_update(0, 1 | 1 << 31),
            }
        )

    def test_sizes_that_a_type_does_not_allow(self):
        sizes = {h2.FRAME_SIZE_ERROR, h2.PROTOCOL_ERROR}
        self.connection_errors(
            sizes,
            {
                "PING of 7": h2.frame(h2.PING, 0, 0, b"x" * 7),
                "PING of 9": h2.frame(h2.PING, 0, 0, b"x" * 9),
                "SETTINGS of 5": h2.frame(h2.SETTINGS, 0, 0, b"x" * 5),
                "ACK with payload": h2.frame(h2.SETTINGS, h2.ACK, 0, struct.pack(">HI", h2.ENABLE_PUSH, 0)),
                "RST_STREAM of 3": h2.frame(h2.RST_STREAM, 0, OPEN_BODY, b"x" * 3),
                "RST_STREAM of 5": h2.frame(h2.RST_STREAM, 0, OPEN_BODY, b"x" * 5),
                "WINDOW_UPDATE of 3": h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\0\0\1"),
                "WINDOW_UPDATE of 5": h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\0\0\0\1\0"),
                "GOAWAY of 7": h2.frame(h2.GOAWAY, 0, 0, b"\0" * 7),
                "HEADERS over the limit": h2.frame(h2.HEADERS, h2.END_HEADERS, 3, b"\0" * 16_385),
                "SETTINGS over the limit": h2.settings([(h2.ENABLE_PUSH, 0)] * 2_731),
            },
        )
        large = {"CONTINUATION over the limit": h2.frame(h2.HEADERS, 0, 3) + h2.frame(9, 4, 3, b"\0" * 16_385)}
        self.connection_errors(sizes | {h2.COMPRESSION_ERROR}, large)
        self.stream_errors(
            sizes,
            {
                "DATA over the limit": h2.data(OPEN_BODY, b"x" * 16_385),
                "PRIORITY of 4": h2.frame(h2.PRIORITY, 0, OPEN_BODY, b"\0" * 4),
                "PRIORITY of 6": h2.frame(h2.PRIORITY, 0, OPEN_BODY, b"\0" * 6),
            },
        )
        self.connection_errors(sizes, {"a size without bytes": h2.frame(h2.DATA, 0, OPEN_BODY, b"", (1 << 24) - 1)})


class Compression(Rules):
    """Section 4.3 and RFC 7541."""

    def test_blocks_that_cannot_be_decoded(self):
        bad = {
            "index 0": h2.indexed(0),
            "an index beyond the table": h2.indexed(62),
            "a name's index beyond the table": b"\x7f\x80\x01" + h2.string("x"),
            "an index without end": b"\xff" + b"\xff" * 20,
            "a table that is too large": h2.table_size(4097),
            "a size behind a field": h2.indexed(2) + h2.table_size(0),
            "a string that breaks off": b"\0" + h2.integer(30, 7) + b"x",
            "a literal that breaks off": b"\0" + h2.string("x-name"),
            "Huffman padding of a byte": b"\0" + h2.string("x") + b"\x82\x1f\xff",  # "a" and padding of 11 bits
            "Huffman padding of zeros": b"\0" + h2.string("x") + b"\x81\x18",
            "Huffman with EOS": b"\0" + h2.string("x") + b"\x84\xff\xff\xff\xff",
        }
        self.connection_errors({h2.COMPRESSION_ERROR}, {name: h2.headers(3, GET + end) for name, end in bad.items()})
        self.assertEqual([one for one in self.seen.requests if one["target"] == "/"], [])

    def test_the_block_of_trailers_is_decoded_as_well(self):
        self.connection_errors({h2.COMPRESSION_ERROR}, {"trailers": h2.headers(OPEN_BODY, h2.indexed(70))})

    def test_a_smaller_table_is_used(self):
        client = self.connect()
        client.send(h2.headers(1, h2.table_size(64) + GET + h2.added("x-a", "1") + h2.added("x-b", "2")))
        client.finish(client.view(1))
        client.send(h2.headers(3, GET + h2.indexed(62)))
        client.finish(client.view(3))
        self.assertEqual(self.seen.requests[1]["fields"]["x-b"], "2")
        client.send(h2.headers(5, GET + h2.indexed(63)))  # evicted
        self.assert_connection_error(client, {h2.COMPRESSION_ERROR})

    def test_a_block_may_be_cut_anywhere(self):
        client = self.connect()
        for number, cuts in enumerate(((0,), (1,), (5, 6, 7), (len(GET) - 1,), (len(GET),), (3, 3, 3))):
            client.send(h2.headers(1 + 2 * number, GET, cuts=cuts))
            self.assertEqual(client.finish(client.view(1 + 2 * number)).status, 200, cuts)

    def test_nothing_may_come_between_the_frames_of_a_block(self):
        begun, rest = h2.frame(h2.HEADERS, h2.END_STREAM, 3, GET[:5]), h2.frame(h2.CONTINUATION, 4, 3, GET[5:])
        between = {
            "PING": h2.ping(),
            "DATA": h2.data(OPEN_BODY, b"x"),
            "HEADERS": h2.headers(5, GET),
            "SETTINGS": h2.settings(),
            "an unknown type": h2.frame(0x99, 0, 0),
            "CONTINUATION of another stream": h2.frame(h2.CONTINUATION, 4, 1, GET[5:]),
            "CONTINUATION of the connection": h2.frame(h2.CONTINUATION, 4, 0, GET[5:]),
        }
        codes = {h2.PROTOCOL_ERROR}
        self.connection_errors(codes, {name: begun + frames + rest for name, frames in between.items()})
        self.connection_errors(
            codes,
            {
                "CONTINUATION without HEADERS": h2.frame(h2.CONTINUATION, 4, OPEN_BODY, GET),
                "CONTINUATION of an idle stream": h2.frame(h2.CONTINUATION, 4, 3, GET),
                "CONTINUATION after the end": h2.headers(3, GET, end=False) + h2.frame(h2.CONTINUATION, 4, 3, GET),
            },
        )


class StreamStates(Rules):
    """Section 5.1."""

    def test_frames_that_an_idle_stream_cannot_get(self):
        self.connection_errors(
            CLOSED,
            {
                "DATA": h2.data(5, b"x"),
                "RST_STREAM": h2.rst_stream(5),
                "WINDOW_UPDATE": h2.window_update(5, 1),
                "an even stream": h2.headers(2, GET),
                "DATA of an even stream": h2.data(2, b"x"),
                "a smaller id": h2.headers(5, GET) + h2.headers(3, GET),
            },
        )

    def test_frames_after_the_client_has_ended_the_stream(self):
        self.stream_errors(
            CLOSED,
            {
                "DATA": h2.data(OPEN_BODY, end=True) + h2.data(OPEN_BODY, b"x"),
                "HEADERS": h2.data(OPEN_BODY, end=True) + h2.headers(OPEN_BODY, GET),
            },
        )
        self.stream_errors(CLOSED, {"DATA after HEADERS": h2.headers(3, GET) + h2.data(3, b"x", end=True)}, stream=3)

    def test_frames_of_closed_streams_do_no_harm(self):
        """They may also be errors. DATA still counts, and has to be given back."""
        for name, frames in {
            "PRIORITY": h2.priority(OPEN_BODY),
            "WINDOW_UPDATE": h2.window_update(OPEN_BODY, 1),
            "RST_STREAM": h2.rst_stream(OPEN_BODY),
        }.items():
            with self.subTest(case=name):
                client = self.begin()
                client.send_body(client.view(OPEN_BODY), b"")
                client.finish(client.view(OPEN_BODY))
                client.send(frames)
                self.assert_serves(client)
        client = self.connect()
        view = client.request("POST", end=False)
        client.send(h2.rst_stream(view.id))
        for _ in range(20):  # five times the window
            client.wait(lambda: client.window >= 16_384 or client.goaways, "the window of the connection opens")
            if client.goaways:
                break
            client.window -= 16_384
            client.send(h2.data(view.id, b"x" * 16_384))
        if client.goaways:
            self.assert_connection_error(client, CLOSED)
        else:
            self.assert_serves(client)

    def test_a_closed_stream_cannot_be_opened_again(self):
        count = len(self.seen.requests)
        for name, close in {"ended": h2.data(OPEN_BODY, end=True), "reset": h2.rst_stream(OPEN_BODY)}.items():
            with self.subTest(case=name):
                client = self.begin()
                client.send(close)
                if name == "ended":
                    client.finish(client.view(OPEN_BODY))
                client.send(h2.headers(OPEN_BODY, h2.block(h2.head(path="/again"))))
                client.send(h2.ping())
                client.wait(lambda: client.closed or client.pongs, "it is read")
                if client.goaways:
                    self.assert_connection_error(client, CLOSED)
        self.assertNotIn("/again", [request["target"] for request in self.seen.requests[count:]])

    def test_streams_over_the_limit_are_refused(self):
        """Section 5.1.2. A client that has acknowledged SETTINGS may also lose its connection."""
        release = threading.Event()
        self.addCleanup(release.set)

        def script(connection, request):
            release.wait(60)
            respond(connection)

        self.serve(script, more="limits: {streams: 5}")
        client = self.connect()
        client.ping()
        views = [client.request(path=f"/{number}") for number in range(5)]
        over = client.request(path="/over")
        self.assert_error(client, over, {h2.REFUSED_STREAM, h2.PROTOCOL_ERROR})
        release.set()
        if not client.goaways:
            client.finish(*views)
            self.assert_serves(client)
        self.assertNotIn("/over", [request["target"] for request in self.seen.requests])

    def test_a_stream_cannot_depend_on_itself(self):
        """RFC 7540 section 5.3.1; RFC 9113 has dropped priorities, so that it may be ignored."""
        for frames in (h2.priority(OPEN_BODY, OPEN_BODY), h2.headers(3, GET, depends_on=3)):
            client = self.begin()
            client.send(frames + h2.ping())
            client.wait(lambda: client.pongs or client.closed, "it is read")
            if client.goaways:
                self.assert_connection_error(client, {h2.PROTOCOL_ERROR})
        self.assert_serves()

    def test_messages_end_once(self):
        """Section 8.1: HEADERS in the middle must end the stream, and nothing comes behind trailers."""
        trailers = h2.block([("x-trailer", "1")])
        self.stream_errors(
            CLOSED,
            {
                "trailers without END_STREAM": h2.headers(OPEN_BODY, trailers, end=False),
                "DATA after trailers": h2.headers(OPEN_BODY, trailers) + h2.data(OPEN_BODY, b"x"),
                "two trailers": h2.headers(OPEN_BODY, trailers) + h2.headers(OPEN_BODY, trailers),
            },
        )
        self.assertEqual([one["target"] for one in self.seen.requests if one["body"]], [])


if __name__ == "__main__":
    main()
