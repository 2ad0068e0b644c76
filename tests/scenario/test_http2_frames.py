"""RFC 9113 sections 6 and 7: the rules of each type of frame."""
import struct

from support import http2_frames as h2
from support.http2_rules import GET, OPEN_BODY, POST, Rules
from support.scenario import main


class Padding(Rules):
    def test_padding_longer_than_its_frame(self):
        """Sections 6.1 and 6.2."""
        priority = struct.pack(">IB", 0, 15)
        self.connection_errors(
            {h2.PROTOCOL_ERROR, h2.FRAME_SIZE_ERROR},
            {
                "DATA": h2.data(OPEN_BODY, b"abc", padding=(4, 0)),
                "DATA that is nothing else": h2.frame(h2.DATA, h2.PADDED, OPEN_BODY, b"\1"),
                "DATA without a length": h2.frame(h2.DATA, h2.PADDED, OPEN_BODY),
                "HEADERS": h2.headers(3, GET, padding=(255, 1)),
                "HEADERS without a length": h2.frame(h2.HEADERS, h2.PADDED | h2.END_HEADERS, 3),
                "HEADERS with a priority": h2.frame(h2.HEADERS, 0x2D, 3, bytes([len(GET) + 1]) + priority + GET),
                "HEADERS that end in the priority": h2.frame(h2.HEADERS, 0x25, 3, b"\0\0\0"),
            },
        )

    def test_frames_that_are_all_padding_are_legal(self):
        self.ignored({"DATA": h2.data(OPEN_BODY, b"", padding=255), "no padding": h2.data(OPEN_BODY, b"x", padding=0)})


class StreamZero(Rules):
    def test_frames_of_streams_on_the_connection(self):
        self.connection_errors(
            {h2.PROTOCOL_ERROR},
            {
                "DATA": h2.data(0, b"x"),
                "HEADERS": h2.headers(0, GET),
                "PRIORITY": h2.priority(0),
                "RST_STREAM": h2.rst_stream(0),
                "CONTINUATION": h2.frame(h2.CONTINUATION, h2.END_HEADERS, 0, GET),
            },
        )

    def test_frames_of_the_connection_on_streams(self):
        self.connection_errors(
            {h2.PROTOCOL_ERROR},
            {
                "SETTINGS": h2.frame(h2.SETTINGS, 0, OPEN_BODY),
                "SETTINGS of an idle stream": h2.frame(h2.SETTINGS, 0, 9),
                "PING": h2.frame(h2.PING, 0, OPEN_BODY, b"12345678"),
                "GOAWAY": h2.goaway(stream=OPEN_BODY),
            },
        )

    def test_a_client_cannot_push(self):
        push = struct.pack(">I", 2) + POST
        self.connection_errors(
            {h2.PROTOCOL_ERROR},
            {
                "PUSH_PROMISE": h2.frame(h2.PUSH_PROMISE, h2.END_HEADERS, OPEN_BODY, push),
                "PUSH_PROMISE of the connection": h2.frame(h2.PUSH_PROMISE, h2.END_HEADERS, 0, push),
            },
        )


class Settings(Rules):
    """Section 6.5."""

    def test_values_that_are_not_allowed(self):
        window = (h2.INITIAL_WINDOW_SIZE, 1 << 31)
        self.connection_errors(
            {h2.PROTOCOL_ERROR},
            {
                "ENABLE_PUSH": h2.settings([(h2.ENABLE_PUSH, 2)]),
                "MAX_FRAME_SIZE that is too small": h2.settings([(h2.MAX_FRAME_SIZE, 16_383)]),
                "MAX_FRAME_SIZE that is too large": h2.settings([(h2.MAX_FRAME_SIZE, 1 << 24)]),
                "no_rfc7540_priorities": h2.settings([(h2.NO_RFC7540_PRIORITIES, 2)]),
            },
        )
        self.connection_errors({h2.FLOW_CONTROL_ERROR}, {"INITIAL_WINDOW_SIZE": h2.settings([window])})

    def test_settings_are_acknowledged_one_by_one(self):
        client = self.connect()
        client.send(h2.settings() + h2.settings([(h2.HEADER_TABLE_SIZE, 0)]) + h2.settings([(0x7777, 5)]))
        client.wait(lambda: client.acks == 4, "all are acknowledged")
        self.assert_serves(client)

    def test_small_tables_of_the_client_are_respected(self):
        client = self.connect(settings=[(h2.HEADER_TABLE_SIZE, 0)])
        client.decoder.max_allowed_table_size = 0  # the decoder refuses more
        for _ in range(3):
            self.assert_serves(client)

    def test_large_frames_of_the_client_are_allowed(self):
        client = self.connect(settings=[(h2.MAX_FRAME_SIZE, (1 << 24) - 1), (h2.MAX_CONCURRENT_STREAMS, 0)])
        self.assert_serves(client)


class Windows(Rules):
    """Section 6.9."""

    def test_an_increment_of_zero(self):
        self.connection_errors({h2.PROTOCOL_ERROR}, {"of the connection": h2.window_update(0, 0)})
        self.stream_errors({h2.PROTOCOL_ERROR}, {"of a stream": h2.window_update(OPEN_BODY, 0)})

    def test_a_window_beyond_the_largest(self):
        most = h2.LARGEST_WINDOW
        codes = {h2.FLOW_CONTROL_ERROR}
        self.connection_errors(codes, {"of the connection": h2.window_update(0, most)})
        self.stream_errors(codes, {"of a stream": h2.window_update(OPEN_BODY, most)})
        grown = h2.window_update(OPEN_BODY, most - h2.FIRST_WINDOW)
        settings = h2.settings([(h2.INITIAL_WINDOW_SIZE, h2.FIRST_WINDOW + 1)])
        self.stream_errors(codes, {"of a stream, by SETTINGS": grown + settings})

    def test_the_largest_windows_are_legal(self):
        most = h2.LARGEST_WINDOW - h2.FIRST_WINDOW
        self.ignored({"both": h2.window_update(0, most) + h2.window_update(OPEN_BODY, most)})

    def test_data_beyond_the_window_is_an_error(self):
        """The backend reads nothing, so that no window opens any more."""
        self.serve(behind=self.head_backend(lambda connection, *_: behind.closed.wait(60)))
        behind = self.seen
        client = self.begin()
        client.wait(lambda: behind.heads, "the request is with the backend")
        client.send(h2.data(OPEN_BODY, b"x" * 16_384) * 2_000)
        self.assert_error(client, client.view(OPEN_BODY), {h2.FLOW_CONTROL_ERROR})
        client.close()


class Ends(Rules):
    def test_a_client_that_says_goaway_gets_its_responses(self):
        """Section 6.8."""
        client = self.begin()
        client.send(h2.goaway())
        client.send_body(client.view(OPEN_BODY), b"bye")
        self.assertEqual(bytes(client.finish(client.view(OPEN_BODY)).body), b"bye")
        client.wait_closed()

    def test_unknown_codes_are_taken_as_any_other(self):
        """Section 7."""
        client = self.begin()
        client.send(h2.rst_stream(OPEN_BODY, 0xFFFFFFFF))
        self.assert_serves(client)
        client.send(h2.goaway(code=0xFFFFFFFF))
        client.wait_closed()

    def test_a_client_may_only_end_its_side_after_its_requests(self):
        """A TCP half-close: docs/configuration.md takes it as leaving."""
        client = self.begin()
        client.sock.shutdown(1)
        client.wait_closed()
        self.assert_serves()


if __name__ == "__main__":
    main()
