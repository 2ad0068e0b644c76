"""A connection of an Http2Server: its frames, its windows, and the rules that the peer must keep."""
import contextlib
import select
import socket
import ssl
import struct
import sys
import threading

from support import http2_frames as h2
from support.http2_call import Http2Call
from support.peers import eventually

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-hpack
import hpack  # noqa: E402

LEAVING = b"goingout"  # the PING behind GOAWAY: once it is answered, the peer has read that


class Http2Link:
    """One thread reads and sends; tests may call everything from others. Nothing waits but `ping` and `acknowledged`.

    What the peer does against RFC 9113 goes into the backend's `violations`.
    """

    def __init__(self, backend, sock, tls=None):
        self.backend, self.sock, self.tls = backend, sock, tls  # tls: what the handshake has shown
        self.lock, (self.wakes, self.waker) = threading.RLock(), socket.socketpair()
        self.waker.setblocking(False)
        self.buffer, self.outgoing, self.closed, self.stopped = b"", bytearray(), False, False
        self.reading, self.polite, self.holds = True, True, False  # holds: no call's window is given back
        self.held, self.calls = set(), {}  # the ids of calls whose windows are not given back; calls by id
        self.settings, self.sent_settings, self.acks = {}, [], 0  # the peer's; those that it has not acknowledged
        self.first_window, self.window, self.frame_size = h2.FIRST_WINDOW, h2.FIRST_WINDOW, 16_384  # the peer's
        self.own_window, self.room, self.limit = h2.FIRST_WINDOW, h2.FIRST_WINDOW, None  # those that the peer knows
        self.greeted, self.owed = False, 0  # whether the backend has sent SETTINGS; acknowledgments that wait for that
        self.pings, self.pongs, self.goaways, self.resets = [], [], [], []  # what has come
        self.last_allowed, self.most = None, 0  # since GOAWAY is known; the most calls at once
        self.decoder, self.unfinished = hpack.Decoder(max_header_list_size=1 << 24), None
        self.saw_preface, self.expect_settings, self.leaving_at = False, False, None

    # ------------------------------------------------------------------------------------------------ sending

    def send(self, frames):
        with self.lock:
            self.outgoing += frames
        self.wake()

    def wake(self):
        with contextlib.suppress(OSError):  # one byte is as good as many
            self.waker.send(b"x")

    def send_settings(self, pairs=()):
        """Sends SETTINGS, which are in force for the peer once it has acknowledged them."""
        with self.lock:
            self.sent_settings.append(dict(pairs))
            self.send(h2.settings(pairs) + h2.frame(h2.SETTINGS, h2.ACK, 0) * self.owed)
            self.owed, self.greeted = 0, True

    def goaway(self, last=h2.LARGEST_WINDOW, code=h2.NO_ERROR):
        """Sends GOAWAY; no further call may come once the peer knows."""
        self.leaving_at = last
        self.send(h2.goaway(last, code) + h2.ping(LEAVING))

    def ping(self, data=b"fromback"):
        """Waits for the answer to a PING: everything that was sent before has been read by then."""
        count = self.pongs.count(data)
        self.send(h2.ping(data))
        eventually(lambda: self.pongs.count(data) > count or self.closed, "PING is answered")
        assert not self.closed, "the connection was closed before PING was answered"

    def acknowledged(self):
        """Waits until all SETTINGS are acknowledged."""
        eventually(lambda: not self.sent_settings or self.closed, "SETTINGS are acknowledged")

    def close(self):
        """Closes the connection when all is sent."""
        self.stopped = True
        self.wake()

    def kill(self):
        """Ends the connection with a TCP reset."""
        with self.lock, contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.outgoing.clear()
        self.close()

    def set_reading(self, reading):
        """With False, the backend reads nothing any more, like one that hangs."""
        self.reading = reading
        self.wake()

    # ---------------------------------------------------------------------------------------------- the thread

    def run(self):
        """Serves the connection until one side closes it."""
        self.sock.setblocking(False)
        self.backend.greet(self)
        while not self.closed and not (self.stopped and not self.outgoing):
            self.flush()
            reads = [self.wakes, self.sock] if self.reading else [self.wakes]
            ready, _, _ = select.select(reads, [self.sock] if self.outgoing else [], [], 1)
            if self.wakes in ready:
                self.wakes.recv(65536)
            if self.reading:
                self.drain()
        with self.lock:
            self.closed = True
        self.sock.close()

    def flush(self):
        with self.lock, contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            try:
                while self.outgoing:
                    del self.outgoing[: self.sock.send(self.outgoing[: 1 << 18])]
            except (ConnectionError, ssl.SSLError) as problem:
                if isinstance(problem, (ssl.SSLWantWriteError, ssl.SSLWantReadError)):
                    raise
                self.outgoing.clear()  # the peer has closed; what it said before is still to be read

    def drain(self):
        while not self.closed and self.reading:
            try:
                got = self.sock.recv(1 << 18)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                got = b""
            with self.lock:
                self.buffer += got
                self.take_frames()
                self.closed = not got
            self.flush()

    def blame(self, text):
        self.backend.violations.append(f"connection {self.backend.links.index(self)}: {text}")

    def expect(self, condition, text):
        if not condition:
            self.blame(text)

    # ----------------------------------------------------------------------------------------------- receiving

    def take_frames(self):
        if not self.saw_preface:
            if len(self.buffer) < len(h2.PREFACE) and h2.PREFACE.startswith(self.buffer):
                return
            self.saw_preface = True
            self.expect(self.buffer.startswith(h2.PREFACE), f"it begins with {self.buffer[:60]!r}")
            self.expect_settings = True
            self.buffer = self.buffer[len(h2.PREFACE) :]
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
        if self.expect_settings:
            self.expect_settings = False
            self.expect((kind, flags & h2.ACK) == (h2.SETTINGS, 0), f"the first frame has type {kind}")
        self.expect(len(payload) <= 16_384, f"a frame of {len(payload)} bytes")
        self.expect((self.unfinished is None) == (kind != h2.CONTINUATION), "a field block is interleaved")
        if stream in self.calls:
            call = self.calls[stream]
            call.frames.append((kind, flags, len(payload)))
            if kind in (h2.DATA, h2.HEADERS):
                self.expect(not call.ended and call.reset is None, f"type {kind} after the end of {call}")
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
        if kind not in handler:
            return self.blame(f"a frame of type {kind}")
        handler[kind](flags, stream, payload)

    def take_data(self, flags, stream, payload):
        if stream not in self.calls:
            return self.blame(f"DATA on stream {stream}, which is idle")
        call, size, end = self.calls[stream], len(payload), bool(flags & h2.END_STREAM)
        call.room, self.room = call.room - size, self.room - size
        self.expect(size == 0 or min(call.room, self.room) >= 0, f"{call} passes its window")
        self.expect(not flags & h2.PADDED, "padding")
        call.body += payload
        if fault := call.take_end(end):
            self.blame(f"{call}: {fault}")
        if size and not self.holds and stream not in self.held:
            self.room += size
            self.send(h2.window_update(0, size))
            if not end and not call.was_reset:
                call.room += size
                self.send(h2.window_update(stream, size))
        self.tell(call, end)

    def tell(self, call, end):
        """Lets the scripts do their work, unless the backend has reset the stream."""
        if not call.was_reset and self.backend.on_data and call.frames[-1][0] == h2.DATA:
            self.backend.on_data(call, bytes(call.body[len(call.body) - call.frames[-1][2] :]))
        if end and not call.was_reset:
            self.backend.script(call)

    def take_headers(self, flags, stream, payload):
        first, end, block = self.unfinished or (stream, bool(flags & h2.END_STREAM), b"")
        self.expect(first == stream, "a field block is interleaved")
        self.expect(not flags & h2.PADDED, "padding")
        if flags & h2.WITH_PRIORITY and self.unfinished is None:
            payload = payload[5:]
        self.unfinished = (stream, end, block + payload)
        if not flags & h2.END_HEADERS:
            return
        self.unfinished = None
        decoded = self.decoder.decode(block + payload, raw=True)
        lines = [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in decoded]
        call = self.calls.get(stream) or self.open_call(stream)
        is_new = not call.lines
        if fault := call.take_fields(lines, end):
            self.blame(f"{call}: {fault}")
        if is_new:
            call.frames.append((h2.HEADERS, flags, len(payload)))
            self.backend.take_call(call)
        self.tell(call, end)

    def open_call(self, stream):
        self.expect(stream % 2 == 1 and stream > max(self.calls, default=0), f"stream {stream} is opened")
        self.expect(self.acks or not self.backend.waits_for_settings, f"stream {stream} is opened before SETTINGS")
        self.expect(self.last_allowed is None, f"stream {stream} is opened after GOAWAY")
        open_now = 1 + sum(not call.over for call in self.calls.values())
        self.most = max(self.most, open_now)
        self.expect(self.limit is None or open_now <= self.limit, f"{open_now} streams, {self.limit} are allowed")
        self.calls[stream] = Http2Call(self, stream)
        return self.calls[stream]

    def take_reset(self, _, stream, payload):
        code = int.from_bytes(payload, "big")
        self.resets.append((stream, code))
        if stream not in self.calls:
            return self.blame(f"RST_STREAM on stream {stream}, which is idle")
        call = self.calls[stream]
        call.reset = code
        if stream in self.held and call.room < self.own_window:
            call.give_back_connection()

    def take_settings(self, flags, stream, payload):
        self.expect(stream == 0 and len(payload) % 6 == 0, "SETTINGS")
        if flags & h2.ACK:
            return self.take_ack()
        for at in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[at : at + 6])
            self.settings[name] = value
            if name == h2.INITIAL_WINDOW_SIZE:
                for call in self.calls.values():
                    call.window += value - self.first_window
                self.first_window = value
            if name == h2.MAX_FRAME_SIZE:
                self.frame_size = value
        if self.greeted and self.polite:
            self.send(h2.frame(h2.SETTINGS, h2.ACK, 0))
        self.owed += not self.greeted  # the first frame of a server is SETTINGS, and not an ACK
        self.pump()

    def take_ack(self):
        self.acks += 1
        if not self.sent_settings:
            return self.blame("SETTINGS are acknowledged that were not sent")
        agreed = self.sent_settings.pop(0)
        self.limit = agreed.get(h2.MAX_CONCURRENT_STREAMS, self.limit)
        window = agreed.get(h2.INITIAL_WINDOW_SIZE, self.own_window)
        for call in self.calls.values():
            call.room += window - self.own_window
        self.own_window = window
        if h2.HEADER_TABLE_SIZE in agreed:
            self.decoder.max_allowed_table_size = agreed[h2.HEADER_TABLE_SIZE]

    def take_ping(self, flags, _, payload):
        if flags & h2.ACK:
            self.pongs.append(payload)
            if payload == LEAVING:
                self.last_allowed = self.leaving_at
            return
        self.pings.append(payload)
        if self.polite:
            self.send(h2.ping(payload, h2.ACK))

    def take_goaway(self, _, stream, payload):
        self.expect(stream == 0, "GOAWAY on a stream")
        self.goaways.append(struct.unpack(">II", payload[:8]))

    def take_window(self, _, stream, payload):
        increment = int.from_bytes(payload, "big")
        self.expect(increment > 0, "WINDOW_UPDATE by nothing")
        if not stream:
            self.window += increment
            self.expect(self.window <= h2.LARGEST_WINDOW, "the connection's window is too large")
        elif stream in self.calls:
            self.calls[stream].window += increment
            self.expect(self.calls[stream].window <= h2.LARGEST_WINDOW, "a window is too large")
        else:
            self.blame(f"WINDOW_UPDATE on stream {stream}, which is idle")
        self.pump()

    def pump(self):
        for call in self.calls.values():
            if call.unsent:
                call.pump()
