"""One request that has come to an Http2Server, and what the backend sends in return."""
from support import http2_frames as h2

FORBIDDEN = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host", "http2-settings"}


def faults_of_head(lines):
    """Returns what RFC 9113 sections 8.2 and 8.3 forbid in the head of a request, as one text; empty if it is legal."""
    names = [name for name, _ in lines]
    pseudo = [name for name in names if name.startswith(":")]
    head = dict(lines)
    expected = {":method", ":scheme", ":authority", ":path"} | ({":protocol"} if ":protocol" in head else set())
    faults = [f"{name} is not lower-case" for name in names if name != name.lower()]
    faults += [f"{name} does not belong here" for name in names if name in FORBIDDEN]
    faults += [f"blanks around {name}" for name, value in lines if value != value.strip(" \t")]
    faults += [f"control characters in {name}" for name, value in lines if set(value) & set("\r\n\0")]
    if sorted(pseudo) != sorted(expected) or names[: len(pseudo)] != pseudo:
        faults.append(f"pseudo-fields {names}")
    if ":protocol" in head and head[":method"] != "CONNECT":
        faults.append(":protocol without CONNECT")
    if head.get("te", "trailers") != "trailers" or names.count("content-length") > 1:
        faults.append("te or content-length")
    return "; ".join(faults)


class Http2Call:
    """What the functions send waits for the windows of the stream and of the connection; `link.send` does not."""

    def __init__(self, link, stream):
        self.link, self.id = link, stream
        self.lines, self.fields = [], {}  # of the head; repeated ones are joined with "; " in `fields`
        self.trailers = None  # a list of pairs
        self.body = bytearray()
        self.frames = []  # (type, flags, length) of each frame that has come
        self.ended, self.reset = False, None  # by the peer; the code of RST_STREAM
        self.answered, self.was_reset = False, False  # by the backend: with END_STREAM, with RST_STREAM
        self.window, self.room = link.first_window, link.own_window  # what may be sent, and what may come
        self.unsent, self.to_end, self.last_fields = bytearray(), False, None

    def __repr__(self):
        return f"<{self.method} {self.path} on stream {self.id}>"

    @property
    def method(self):
        return self.fields.get(":method")

    @property
    def path(self):
        return self.fields.get(":path")

    @property
    def over(self):
        """The stream is closed."""
        return self.reset is not None or self.was_reset or (self.ended and self.answered)

    # ------------------------------------------------------------------------------------------------ answers

    def respond(self, body=b"", status=200, more=(), trailers=None):
        """Sends a whole response, with its length."""
        fields = [("content-length", str(len(body)))] if status not in (204, 304) else []
        if self.method == "HEAD" or not (body or trailers):
            return self.begin(status, [*fields, *more], end=True)
        self.begin(status, [*fields, *more])
        self.write(body, end=True, trailers=trailers)

    def begin(self, status=200, more=(), end=False):
        """Sends the head of a response, or an interim one."""
        fields = [(":status", str(status)), ("x-backend", self.link.backend.name), *more]
        self.send(h2.headers(self.id, h2.block(fields), end=end))
        self.answered = self.answered or end

    def write(self, body, end=False, trailers=None):
        """Sends a part of the body, as the windows allow; with `end`, the last one, and `trailers` behind it."""
        with self.link.lock:
            self.unsent += body
            self.to_end, self.last_fields = end, trailers
            self.pump()

    def pump(self):
        while self.unsent and not self.over:
            size = min(self.window, self.link.window, self.link.frame_size, len(self.unsent))
            if size <= 0:
                return
            piece = bytes(self.unsent[:size])
            del self.unsent[:size]
            self.window, self.link.window = self.window - size, self.link.window - size
            self.answered = self.to_end and not self.unsent and self.last_fields is None
            self.send(h2.data(self.id, piece, end=self.answered))
        if self.to_end and not self.answered and not self.over:
            self.answered = True
            if self.last_fields is None:
                self.send(h2.data(self.id, end=True))
            else:
                self.send(h2.headers(self.id, h2.block(self.last_fields)))

    def send_reset(self, code):
        """Resets the stream."""
        with self.link.lock:
            self.was_reset = True
            self.send(h2.rst_stream(self.id, code))

    def send(self, frames):
        """Sends frames as they are."""
        self.link.send(frames)

    def give_back(self, size=None):
        """Opens the windows of a call in `link.held`, by default by all that has come."""
        with self.link.lock:
            size = size or self.link.own_window - self.room
            self.send(h2.window_update(self.id, size))
            self.give_back_connection(size)

    def give_back_connection(self, size=None):
        """Opens the connection's window for what has come on this stream, which is over."""
        size = size or self.link.own_window - self.room
        self.room, self.link.room = self.room + size, self.link.room + size
        self.send(h2.window_update(0, size))

    # ---------------------------------------------------------------------------------------------- what comes

    def take_fields(self, lines, end):
        """Takes a head or a trailer section; returns what is wrong with it."""
        faults = ""
        if not self.lines:
            self.lines = lines
            for name, value in lines:
                self.fields[name] = f"{self.fields[name]}; {value}" if name in self.fields else value
            faults = faults_of_head(lines)
        else:
            self.trailers = lines
            if not end or any(name.startswith(":") or name in FORBIDDEN for name, _ in lines):
                faults = f"illegal trailers {lines}"
        return faults or self.take_end(end)

    def take_end(self, end):
        self.ended = self.ended or end
        stated = self.fields.get("content-length")
        if end and stated is not None and int(stated) != len(self.body) and self.method != "CONNECT":
            return f"{len(self.body)} bytes have come, {stated} were stated"
        return ""
