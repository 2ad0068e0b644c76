"""A client of HTTP/2 that sends any frame, legal or not, and shows what comes back stream by stream."""
import contextlib
import select
import socket
import ssl
import struct
import sys
import time

from support import http2_frames as h2
from support.peers import TIMEOUT

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-hpack
import hpack  # noqa: E402

IN_PIECES = 16_384  # the size of DATA frames


class StreamView:
    """What has come back on a stream."""

    def __init__(self, stream):
        self.id = stream
        self.informational = []  # the fields of each 1xx response
        self.fields = {}  # of the response; repeated ones are joined with "; "
        self.trailers = None
        self.body = bytearray()
        self.frames = []  # (type, flags, length) of each frame
        self.ended = False
        self.reset = None  # the code of RST_STREAM
        self.window = 0  # how much may be sent

    @property
    def status(self):
        return int(self.fields[":status"]) if self.fields else None

    @property
    def over(self):
        return self.ended or self.reset is not None

    def kinds(self):
        return [kind for kind, _, _ in self.frames]

    def take_fields(self, fields, end):
        named = {}
        for name, value in fields:
            named[name] = f"{named[name]}; {value}" if name in named else value
        if self.fields:
            self.trailers = named
        elif named[":status"].startswith("1"):
            self.informational.append(named)
        else:
            self.fields = named
        self.ended = self.ended or end


class Http2Client:
    """A connection to `port`. Nothing is read but while something is sent or waited for.

    With `context`, it speaks TLS and asks for h2 by ALPN. `settings` are its own (identifier, value) pairs. `preface`
    is what it sends first, `before` what it sends ahead of that and of TLS. It answers SETTINGS and PING as long as
    `polite` is set, and gives back windows for the DATA of all streams but those in `held`.
    """

    def __init__(self, port, context=None, settings=(), preface=None, before=b"", receive_buffer=None):
        self.sock = socket.socket()
        self.sock.settimeout(TIMEOUT)
        if receive_buffer:  # limits what the kernel accepts while the client does not read
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect(("127.0.0.1", port))
        if before:
            self.sock.sendall(before)
        if context:
            context.set_alpn_protocols(["h2"])
            self.sock = context.wrap_socket(self.sock, server_hostname="a.example")
            assert self.sock.selected_alpn_protocol() == "h2"
        self.sock.setblocking(False)
        self.scheme = "https" if context else "http"
        self.buffer, self.outgoing, self.closed = b"", bytearray(), False
        self.polite, self.held = True, set()
        self.streams, self.next_stream = {}, 1
        self.window, self.settings = h2.FIRST_WINDOW, {}
        self.first_window = h2.FIRST_WINDOW  # of the peer's streams
        self.has_settings, self.acks, self.pongs, self.goaways = False, 0, [], []
        self.decoder = hpack.Decoder(max_header_list_size=1 << 24)
        self.unfinished = None  # the stream, flags and block of HEADERS without END_HEADERS
        self.send(h2.PREFACE + h2.settings(settings) if preface is None else preface)

    # ------------------------------------------------------------------------------------------------ sending

    def send(self, frames, timeout=TIMEOUT):
        """Sends bytes, and reads meanwhile, so that neither side has to wait for the other."""
        self.outgoing += frames
        deadline = time.monotonic() + timeout
        while self.flush() and not self.closed:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.outgoing)} bytes could not be sent within {timeout} s")
            select.select([self.sock], [self.sock], [], 0.1)
            self.drain()
        self.drain()
        return self

    def flush(self):
        """Sends what the socket takes; returns True if something is left."""
        while self.outgoing and not self.closed:
            try:
                del self.outgoing[: self.sock.send(self.outgoing[: 1 << 18])]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return True
            except OSError:  # the peer has closed; what it said before is still to be read
                self.drain()
                self.closed = True
        return False

    def take_stream(self):
        """Returns the view of the next stream."""
        view = self.view(self.next_stream)
        self.next_stream += 2
        return view

    def request(self, method="GET", path="/", body=None, end=True, more=(), **pseudo):
        """Sends a request on the next stream; `body` must fit into the windows. Returns the stream's view."""
        view = self.take_stream()
        fields = h2.head(method, path, more=more, **{"scheme": self.scheme, **pseudo})
        self.send(h2.headers(view.id, h2.block(fields), end=end and body is None))
        if body is not None:
            self.send_body(view, body, end)
        return view

    def send_body(self, view, piece, end=True):
        """Sends a frame of DATA, whatever the windows."""
        self.window, view.window = self.window - len(piece), view.window - len(piece)
        return self.send(h2.data(view.id, piece, end=end))

    def upload(self, view, body, end=True):
        """Sends a body as the windows allow. Stops if the stream is reset or over."""
        sent = 0
        while sent < len(body) and not view.over:
            room = min(self.window, view.window, IN_PIECES, len(body) - sent)
            if room <= 0:
                self.wait(lambda: min(self.window, view.window) > 0 or view.over, "a window opens")
                continue
            last = sent + room == len(body)
            self.send_body(view, body[sent : sent + room], end and last)
            sent += room
        return sent

    # ----------------------------------------------------------------------------------------------- receiving

    def view(self, stream):
        if stream not in self.streams:
            self.streams[stream] = StreamView(stream)
            self.streams[stream].window = self.first_window
        return self.streams[stream]

    def drain(self):
        """Reads what is there."""
        while not self.closed:
            try:
                got = self.sock.recv(1 << 18)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except OSError:
                got = b""
            self.closed = not got
            self.buffer += got
            self.take_frames()
            self.flush()  # a peer that never pauses still gets its windows

    def wait(self, condition, what, timeout=TIMEOUT):
        """Reads until the condition is true; returns its value."""
        deadline = time.monotonic() + timeout
        while True:
            self.flush()
            self.drain()
            if value := condition():
                return value
            if self.closed:
                raise AssertionError(f"the connection ended before {what}; GOAWAY: {self.goaways}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come true within {timeout} s; GOAWAY: {self.goaways}")
            select.select([self.sock], [self.sock] if self.outgoing else [], [], 0.1)

    def finish(self, *views):
        """Waits until these streams are over, none of them reset; returns the first."""
        self.wait(lambda: all(view.over for view in views), f"{[view.id for view in views]} have ended")
        resets = {view.id: view.reset for view in views if not view.ended}
        assert not resets, f"streams were reset: {resets}"
        return views[0]

    def get(self, path="/", **keys):
        return self.finish(self.request("GET", path, **keys))

    def ping(self, data=b"weirweir"):
        """Waits for the answer to a PING: everything that was sent before has been read by then."""
        count = self.pongs.count(data)
        self.send(h2.ping(data))
        self.wait(lambda: self.pongs.count(data) > count, "PING is answered")

    def wait_closed(self, timeout=TIMEOUT):
        self.wait(lambda: self.closed, "the connection is closed", timeout)

    def take_frames(self):
        at = 0
        while len(self.buffer) - at >= 9:
            size = int.from_bytes(self.buffer[at : at + 3], "big")
            if len(self.buffer) - at < 9 + size:
                break
            kind, flags, stream = struct.unpack(">BBI", self.buffer[at + 3 : at + 9])
            payload = self.buffer[at + 9 : at + 9 + size]
            at += 9 + size
            self.take_frame(kind, flags, stream, payload)
        self.buffer = self.buffer[at:]

    def take_frame(self, kind, flags, stream, payload):
        assert stream < 1 << 31, "the reserved bit is set"
        assert len(payload) <= IN_PIECES, "the frame is too large"
        assert (self.unfinished is None) == (kind != h2.CONTINUATION), "a field block is interleaved"
        if stream and kind not in (h2.WINDOW_UPDATE, h2.PRIORITY):
            view = self.view(stream)
            assert not view.ended or kind == h2.RST_STREAM, f"type {kind} after the end of stream {stream}"
            assert view.reset is None or kind == h2.RST_STREAM, f"type {kind} after the reset of stream {stream}"
            view.frames.append((kind, flags, len(payload)))
        handler = {
            h2.DATA: self.take_data,
            h2.HEADERS: self.take_headers,
            h2.CONTINUATION: self.take_headers,
            h2.RST_STREAM: self.take_reset,
            h2.SETTINGS: self.take_settings,
            h2.PING: self.take_ping,
            h2.GOAWAY: self.take_goaway,
            h2.WINDOW_UPDATE: self.take_window,
        }
        assert kind in handler, f"a frame of type {kind}"
        handler[kind](flags, stream, payload)

    def take_data(self, flags, stream, payload):
        assert not flags & h2.PADDED
        view = self.view(stream)
        view.body += payload
        view.ended = bool(flags & h2.END_STREAM)
        if payload and self.polite and stream not in self.held:
            update = h2.window_update(0, len(payload))
            self.outgoing += update if view.ended else update + h2.window_update(stream, len(payload))

    def give_back(self, view, size):
        """Opens the windows of a stream in `held` and of the connection by this much."""
        self.send(h2.window_update(0, size) + h2.window_update(view.id, size))

    def take_headers(self, flags, stream, payload):
        first, end, block = self.unfinished or (stream, bool(flags & h2.END_STREAM), b"")
        assert first == stream, "a field block is interleaved"
        assert not flags & (h2.PADDED | h2.WITH_PRIORITY)
        self.unfinished = (stream, end, block + payload)
        if flags & h2.END_HEADERS:
            self.unfinished = None
            fields = self.decoder.decode(block + payload, raw=True)
            self.view(stream).take_fields([(name.decode(), value.decode("latin-1")) for name, value in fields], end)

    def take_reset(self, _, stream, payload):
        self.view(stream).reset = int.from_bytes(payload, "big")

    def take_settings(self, flags, stream, payload):
        assert stream == 0
        if flags & h2.ACK:
            self.acks += 1
            return
        self.has_settings = True
        for at in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[at : at + 6])
            self.settings[name] = value
            if name == h2.INITIAL_WINDOW_SIZE:
                for view in self.streams.values():
                    view.window += value - self.first_window
                self.first_window = value
        if self.polite:
            self.outgoing += h2.frame(h2.SETTINGS, h2.ACK, 0)

    def take_ping(self, flags, _, payload):
        if flags & h2.ACK:
            self.pongs.append(payload)
        elif self.polite:
            self.outgoing += h2.ping(payload, h2.ACK)

    def take_goaway(self, _, stream, payload):
        assert stream == 0
        last, code = struct.unpack(">II", payload[:8])
        self.goaways.append((last, code))

    def take_window(self, _, stream, payload):
        increment = int.from_bytes(payload, "big")
        assert increment > 0
        if stream:
            self.view(stream).window += increment
            assert self.view(stream).window <= h2.LARGEST_WINDOW
        else:
            self.window += increment
            assert self.window <= h2.LARGEST_WINDOW

    # ------------------------------------------------------------------------------------------------- the end

    def reset_connection(self):
        """Ends the connection with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        self.closed = True

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.close()
