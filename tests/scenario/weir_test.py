"""What the scenarios share: a weir process, scripted backends, raw clients. Standard library only.

Nothing here sleeps for a guess: `eventually` waits for a condition, and every process that is started is ended by its
own id.
"""
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

WEIR = os.environ.get("WEIR", "build/dev/weir")
SOURCE = os.environ.get("WEIR_SOURCE", ".")
SANITIZED = bool(os.environ.get("WEIR_SANITIZE"))
PATIENCE = 30  # seconds that a condition may take before a test gives up


def free_port():
    """A port below the ephemeral range, so that no outgoing connection takes it meanwhile."""
    while True:
        port = random.randint(10000, 30000)
        with socket.socket() as s:
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                return port


def eventually(condition, what="the condition", patience=PATIENCE):
    """Waits until `condition()` is true, and returns its value."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {patience} s")
        time.sleep(0.01)


class Backend:
    """A scripted HTTP backend. `script(connection, request)` answers; it may write anything, or close."""

    def __init__(self, script=None, name="b", port=None):
        self.name, self.port = name, port or free_port()
        self.script = script or self.echo
        self.requests, self.connections, self.broken, self.lock = [], [], [], threading.Lock()
        self.open()

    def open(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(256)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
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
        except OSError:
            pass
        except AssertionError as problem:  # not a whole and canonical request: a test may ask
            with self.lock:
                self.broken.append(str(problem))
        finally:
            connection.close()

    def echo(self, connection, request):
        body = request["body"] or f"{self.name} {request['target']}".encode()
        head = f"HTTP/1.1 200 OK\r\nX-Backend: {self.name}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head if request["method"] == "HEAD" else head + body)

    def close(self):
        """As if the process had been killed."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.connections = []


class Reader:
    """Reads HTTP/1 messages strictly: what is not canonical raises."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

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
        body = b""
        while True:
            line = self.until(b"\r\n")
            if line is None:
                raise AssertionError("the chunked body broke off")
            size = int(line, 16)
            if size == 0:
                assert self.until(b"\r\n") == b"", "trailers"
                return body
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"

    def head(self):
        head = self.until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines:
            name, value = line.split(": ", 1) if ": " in line else (line.rstrip(":"), "")
            assert name and not name[0].isspace(), f"not canonical: {line!r}"
            assert name.lower() not in ("content-length", "transfer-encoding", "host") or name.lower() not in fields, line
            fields.setdefault(name.lower(), value)
        assert not ("content-length" in fields and "transfer-encoding" in fields), "two framings"
        return first, fields

    def request(self):
        found = self.head()
        if found is None:
            return None
        first, fields = found
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
        return {"method": method, "target": target, "fields": fields, "body": body}

    def response(self, method="GET"):
        found = self.head()
        if found is None:
            return None
        first, fields = found
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
        return {"status": status, "fields": fields, "body": body}


class Client:
    """A raw connection to weir."""

    def __init__(self, port, host="127.0.0.1"):
        self.sock = socket.create_connection((host, port), PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = Reader(self.sock)

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))
        return self

    def get(self, target="/", host="a", extra="", method="GET"):
        self.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n")
        return self.reader.response(method)

    def rest(self):
        """Everything up to the end of the connection."""
        data = self.reader.buffer
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


class Weir:
    """The real binary, with a configuration in a directory of its own."""

    def __init__(self, config, workers=2, environment=None, state_dir=None, watch=False):
        self.directory = tempfile.mkdtemp(prefix="weir-test-")
        self.path = os.path.join(self.directory, "weir.yaml")
        self.admin_port, self.workers, self.watch = free_port(), workers, watch
        self.state_dir = state_dir or os.path.join(self.directory, "state")
        self.environment = dict(os.environ, **(environment or {}))
        self.write(config)
        self.errors = open(os.path.join(self.directory, "stderr"), "w+")
        self.access = open(os.path.join(self.directory, "stdout"), "w+")
        self.process = subprocess.Popen([WEIR, "run", "-c", self.path], stdout=self.access, stderr=self.errors, env=self.environment)
        eventually(self.is_ready, "weir is ready")

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"weir ended with {self.process.returncode}: {self.log()}")
        try:
            return self.admin("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def whole(self, config):
        text = config
        if "process:" not in text:
            text += f"process: {{workers: {self.workers}, state_dir: {self.state_dir}, drain_timeout: 10s}}\n"
        if "reload:" not in text and not self.watch:  # a test that asks for reloads wants no others
            text += "reload: {watch: false}\n"
        if "admin:" not in text:
            text += f'admin: {{address: "127.0.0.1:{self.admin_port}"}}\n'
        return text

    def write(self, config):
        """Renames a new file over the old one, as careful editors do."""
        aside = self.path + ".new"
        with open(aside, "w") as f:
            f.write(self.whole(config))
        os.rename(aside, self.path)

    def admin(self, method, target, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE)
        try:
            connection.request(method, target, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def status(self):
        return json.loads(self.admin("GET", "/api/v1/status")[1])

    def metrics(self):
        values = {}
        for line in self.admin("GET", "/metrics")[1].splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def backends(self, pool="web"):
        return {b["name"]: b for p in self.status()["pools"] if p["name"] == pool for b in p["backends"]}

    def states(self, pool="web"):
        return [b["state"] for b in self.backends(pool).values()]

    def wait_up(self, count, pool="web"):
        eventually(lambda: self.states(pool).count("up") == count, f"{count} backends are up")

    def reload(self, config=None):
        """Reloads and waits for the verdict."""
        if config is not None:
            self.write(config)
        status, body = self.admin("POST", "/api/v1/reload?wait=1")
        report = json.loads(body)
        assert status == (409 if report["verdict"] == "refused" else 200), body
        return report

    def command(self, *args):
        done = subprocess.run([WEIR, *args], capture_output=True, text=True, timeout=PATIENCE, env=self.environment)
        return done.returncode, done.stdout, done.stderr

    def signal(self, number):
        self.process.send_signal(number)

    def log(self):
        with open(self.errors.name) as f:
            return f.read()

    def access_log(self):
        with open(self.access.name) as f:
            return f.read()

    def memory(self):
        """Resident kilobytes."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        """Ends it gracefully, and returns the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()
        self.access.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Scenario(unittest.TestCase):
    """A story: whatever it starts is ended, and weir must not have complained of itself."""

    def backend(self, *args, **kwargs):
        backend = Backend(*args, **kwargs)
        self.addCleanup(backend.close)
        return backend

    def weir(self, config, **kwargs):
        weir = Weir(config, **kwargs)
        self.addCleanup(self.end, weir)
        return weir

    def end(self, weir):
        try:
            if weir.process.poll() is None:
                code = weir.stop()
                self.assertIn(code, (0, 3), weir.log())
            for word in ("Sanitizer", "runtime error:", "internal error", "Assertion"):
                self.assertNotIn(word, weir.log())
        finally:
            weir.close()

    def client(self, port, **kwargs):
        client = Client(port, **kwargs)
        self.addCleanup(client.close)
        return client

    def start(self, *command, **kwargs):
        """A process of the scenario's own."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)

        def end():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()

        self.addCleanup(end)
        return process

    def demo_backend(self, name, port=None):
        """A backend that is quick, and can be killed."""
        port = port or free_port()
        process = self.start(WEIR, "demo-backend", "--name", name, "--listen", f"127.0.0.1:{port}")
        eventually(lambda: can_connect(port), f"{name} answers")
        return process, port


def can_connect(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def web(port, backends, check="", more=""):
    """The usual configuration: one listener, one pool."""
    listed = ", ".join(f'"{b}"' if isinstance(b, str) else f'"{b.address}"' for b in backends)
    return f'''listeners:
  web: {{address: "127.0.0.1:{port}", pool: web}}
pools:
  web:
    backends: [{listed}]
{"    health_check: " + check if check else ""}
{more}
'''


def main():
    unittest.main(verbosity=2)
