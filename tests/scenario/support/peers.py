"""Scripted peers for both ends of a proxy: backends that answer as their script says, clients that send any bytes, and
a strict reader of what arrives. Standard library only."""
import atexit
import contextlib
import fcntl
import os
import random
import socket
import tempfile
import threading
import time

TIMEOUT = 60  # seconds that a condition may take on a busy machine, under sanitizers


# Each port in use has a locked byte in this file; the kernel unlocks it when the process ends.
_ports = open(os.path.join(tempfile.gettempdir(), f"weir-test-ports-{os.getuid()}"), "a+b")
atexit.register(_ports.close)
_taken, _taking = set(), threading.Lock()


def free_port():
    """Returns a port that no other test takes until this process ends. It is below the ephemeral range, so that no
    outgoing connection takes it."""
    while True:
        port = random.randint(10000, 30000)
        with _taking, contextlib.suppress(OSError):
            if port in _taken:
                continue
            fcntl.lockf(_ports, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
            _taken.add(port)
            return port


def eventually(condition, what="the condition", timeout=TIMEOUT):
    """Waits until `condition()` is true, and returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout} s")
        time.sleep(0.01)


def is_running(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(") ", 1)[1][0] != "Z"
    return False


class RawBackend:
    """A scripted TCP server: runs `serve(connection)` for each connection in a thread of its own, then closes it."""

    def __init__(self, serve=None, port=None, host="127.0.0.1", path=None, backlog=256):
        self.host, self.path, self.backlog = host, path, backlog  # path: that of a unix socket
        self.port = None if path else port or free_port()
        if serve:
            self.serve = serve
        self.connections, self.lock = [], threading.Lock()
        self.open()

    def open(self):
        self.closed = threading.Event()  # scripts wait for this to keep a connection open
        if self.path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.path)
        else:
            self.listener = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((self.host, self.port))
        self.listener.listen(self.backlog)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    @property
    def address(self):
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if not self.path:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections.append(connection)
            threading.Thread(target=self._carry, args=(connection,), daemon=True).start()

    def _carry(self, connection):
        with connection, contextlib.suppress(OSError):
            self.serve(connection)

    def close(self):
        """Closes everything, as if the process had been killed. Each connection is closed by its own thread."""
        self.closed.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.connections = []


class Backend(RawBackend):
    """A scripted HTTP backend. `script(connection, request)` answers; it may write anything, or close."""

    def __init__(self, script=None, name="b", **kwargs):
        self.name, self.script = name, script or self.echo
        self.requests, self.broken = [], []
        super().__init__(**kwargs)

    def entry(self, **keys):
        """Returns the backend's entry for a pool's list of backends."""
        return {"name": self.name, "address": self.address, **keys}

    def serve(self, connection):
        reader = Reader(connection)
        try:
            while True:
                request = reader.request()
                if request is None:
                    return
                if request["target"] != "/healthz":
                    with self.lock:
                        self.requests.append(request)
                self.script(connection, request)
        except AssertionError as problem:  # not a complete and canonical request: a test may check it
            with self.lock:
                self.broken.append(str(problem))

    def echo(self, connection, request):
        body = request["body"] or f"{self.name} {request['target']}".encode()
        head = f"HTTP/1.1 200 OK\r\nX-Backend: {self.name}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head if request["method"] == "HEAD" else head + body)


class Reader:
    """Reads HTTP/1 messages strictly: raises if one is not canonical."""

    def __init__(self, sock):
        self.sock, self.buffer, self.trailers = sock, b"", []

    def more(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def until(self, mark):
        while mark not in self.buffer:
            if not self.more():
                if self.buffer:
                    raise AssertionError(f"the message broke off: {self.buffer[:200]!r}")
                return None
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def exactly(self, size):
        while len(self.buffer) < size:
            if not self.more():
                raise AssertionError(f"{size} bytes were promised, {len(self.buffer)} came")
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def chunks(self):
        """Returns the body. `trailers` has the lines of its trailer section."""
        body = b""
        while True:
            line = self.until(b"\r\n")
            if line is None:
                raise AssertionError("the chunked body broke off")
            size = int(line, 16)
            if size == 0:
                break
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        while line := self.until(b"\r\n"):
            self.trailers.append(line.decode("latin-1"))
            name, mark, value = self.trailers[-1].partition(": ")
            assert name and mark and not name[0].isspace() and value == value.strip(), f"not canonical: {line!r}"
        assert line is not None, "the trailer section broke off"
        return body

    def head(self):
        self.trailers = []
        head = self.until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines:
            name, value = line.split(": ", 1) if ": " in line else (line.rstrip(":"), "")
            assert name and not name[0].isspace(), f"not canonical: {line!r}"
            assert (
                name.lower() not in ("content-length", "transfer-encoding", "host") or name.lower() not in fields
            ), line
            fields.setdefault(name.lower(), value)
        assert not ("content-length" in fields and "transfer-encoding" in fields), "two framings"
        return first, fields, lines

    def request(self):
        found = self.head()
        if found is None:
            return None
        first, fields, lines = found
        method, target, version = first.split(" ")
        assert version == "HTTP/1.1" and "host" in fields, first
        body = b""
        if "transfer-encoding" in fields:
            assert fields["transfer-encoding"] == "chunked"
            body = self.chunks()
        elif "content-length" in fields:
            if fields.get("expect"):
                self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = self.exactly(int(fields["content-length"]))
        return {
            "method": method,
            "target": target,
            "fields": fields,
            "lines": lines,
            "body": body,
            "trailers": self.trailers,
        }

    def response(self, method="GET"):
        found = self.head()
        if found is None:
            return None
        first, fields, lines = found
        status = int(first.split(" ")[1])
        body = b""
        if method == "HEAD" or status in (204, 304) or status < 200:
            pass
        elif "transfer-encoding" in fields:
            body = self.chunks()
        elif "content-length" in fields:
            body = self.exactly(int(fields["content-length"]))
        else:
            while self.more():
                pass
            body, self.buffer = self.buffer, b""
        return {
            "status": status,
            "first": first,
            "fields": fields,
            "lines": lines,
            "body": body,
            "trailers": self.trailers,
        }


class Client:
    """A raw connection to weir."""

    def __init__(self, port, host="127.0.0.1", receive_buffer=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sock.settimeout(TIMEOUT)
        if receive_buffer:  # limits what the kernel accepts while the client does not read
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.was_reset = False
        try:
            self.sock.connect((host, port))
        except ConnectionResetError:  # weir accepted and reset the connection before connect() returned
            self.was_reset = True
        except OSError:
            self.sock.close()
            raise
        self.reader = Reader(self.sock)

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))
        return self

    def get(self, target="/", host="a", extra="", method="GET"):
        self.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n")
        return self.reader.response(method)

    def rest(self):
        """Reads everything up to the end of the connection."""
        data = self.reader.buffer
        if self.was_reset:
            return data
        with contextlib.suppress(ConnectionResetError):
            while piece := self.sock.recv(65536):
                data += piece
        return data

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
