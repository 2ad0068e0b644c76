"""The reason why long connections, tunnels and slow peers end, whichever side ended them."""
import os
import signal
import socket
import struct
import tempfile
import threading

from support.reasons import JSON, ReasonScenario, hangs
from support.scenario import eventually, free_port, main, web

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun"


def reset(connection):
    """Closes the connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Endings(ReasonScenario):
    def tcp(self, serve, more=""):
        """Starts a TCP listener. Its backend greets each client, then calls `serve` with the connection."""

        def greet(connection):
            connection.recv(100)
            connection.sendall(b"hello")
            serve(connection)

        port, backend = free_port(), self.raw_backend(greet)
        self.start(
            None,
            more,
            listeners=f"""listeners: {{web: {{address: "127.0.0.1:{port}", protocol: tcp, pool: web}}}}
pools: {{web: {{backends: ["{backend.address}"]}}}}
""",
        )
        self.port = port

    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-endings-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def speak(self):
        client = self.client(self.port).send("hello")
        self.assertEqual(client.reader.exactly(5), b"hello")
        return client

    def begin(self):
        """Returns a client that has received the beginning of a response."""
        client = self.client(self.port).send(GET)
        client.reader.until(b"begun")
        return client

    def upgrade(self):
        client = self.client(self.port).send(UPGRADE)
        self.assertIn(b" 101 ", client.reader.until(b"\r\n\r\n"))
        return client

    def ended(self, status, reason, number=0):
        line = self.line(number)
        self.assertEqual((line["status"], line["reason"]), (status, reason))
        return line

    def test_a_backend_that_resets_a_tcp_connection(self):
        self.tcp(reset)
        self.speak().rest()
        self.ended(200, "backend_closed")
        self.counted("backend_closed")
        self.assertEqual(self.last_error()["reason"], "backend_closed")
        self.proxy.wait_logged("connection failed: backend_closed")

    def test_a_backend_that_resets_a_websocket(self):
        go = threading.Event()

        def script(connection, _request):
            connection.sendall(SWITCHED)
            go.wait(30)
            reset(connection)

        self.start([self.backend(script)])
        client = self.upgrade()
        go.set()
        client.rest()
        self.ended(101, "backend_closed")
        self.assertEqual(self.last_error()["reason"], "backend_closed")
        self.proxy.wait_logged('request failed: backend_closed.*target="/chat"')

    def test_clients_that_break_off_what_has_begun(self):
        def script(connection, request):
            connection.sendall(SWITCHED if request["target"] == "/chat" else BEGUN)
            connection.recv(1)

        self.start([self.backend(script)])
        reset(self.begin().sock)
        self.ended(200, "client_closed")
        reset(self.upgrade().sock)
        self.ended(101, "client_closed", 1)
        self.counted("client_closed", count=2)
        self.tcp(lambda connection: connection.recv(1))
        reset(self.speak().sock)
        self.ended(200, "client_closed")
        self.assertEqual(next(iter(self.proxy.backends().values()))["last_errors"], [])

    def test_tunnels_that_are_silent(self):
        self.tcp(lambda connection: connection.recv(1), "timeouts: {tunnel: 300ms}\n")
        self.speak().rest()
        self.assertIn("neither side", self.ended(200, "tunnel_idle")["detail"])
        held = threading.Event()
        self.addCleanup(held.set)
        self.tcp(lambda connection: connection.recv(1) or held.wait(30), "timeouts: {stream_idle: 300ms, tunnel: 1h}\n")
        client = self.speak()
        client.sock.shutdown(socket.SHUT_WR)
        client.rest()
        self.assertIn("one side has closed", self.ended(200, "tunnel_idle")["detail"])

    def test_what_a_stop_cuts_is_drained(self):
        def script(connection, request):
            connection.sendall({"/": b"", "/chat": SWITCHED, "/begun": BEGUN}[request["target"]])
            connection.recv(1)

        self.start(
            [self.backend(script)], f"process: {{workers: 1, state_dir: {self.folder()}, drain_timeout: 300ms}}\n"
        )
        self.client(self.port).send(GET)
        self.upgrade()
        self.client(self.port).send(GET.replace("/ ", "/begun ")).reader.until(b"begun")
        eventually(lambda: next(iter(self.proxy.backends().values()))["active"] == 3, "all are under way")
        self.proxy.signal(signal.SIGTERM)
        self.proxy.process.wait(60)
        self.assertEqual(
            {(line["target"], line["status"], line["reason"]) for line in self.lines()},
            {("/", 503, "drained"), ("/chat", 101, "drained"), ("/begun", 200, "drained")},
        )

    def test_what_a_reload_cuts_because_the_backend_has_left(self):
        def script(connection, _request):
            connection.sendall(BEGUN)
            connection.recv(1)

        self.port, closing = free_port(), "    close_after: 100ms\n" + JSON
        self.proxy = self.weir(web(self.port, [self.backend(script)], more=closing), workers=1)
        client = self.begin()
        self.proxy.reload(web(self.port, [self.backend()], more=closing))
        client.rest()
        self.ended(200, "backend_removed")

    def test_a_backend_that_does_not_accept(self):
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):  # more than the kernel's queue holds: later connections get no answer
            filler = socket.socket()
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        self.start([f"127.0.0.1:{listener.getsockname()[1]}"], "timeouts: {connect: 300ms}\nretries: {attempts: 1}\n")
        self.assertIn(b" 504 ", self.ask()[:20])
        self.ended(504, "connect_timeout")
        self.assertEqual(self.last_error()["reason"], "connect_timeout")
        self.proxy.wait_logged("request failed: connect_timeout")

    def test_other_errors_of_connecting_have_the_systems_words(self):
        self.start(["unix:" + os.path.join(self.folder(), "missing.sock")])
        self.assertIn(b" 502 ", self.ask()[:20])
        self.ended(502, "connect_failed")
        self.assertIn("No such file", self.last_error()["detail"])
        code, text, _ = self.proxy.command("status", "--admin", f"127.0.0.1:{self.proxy.admin_port}")
        self.assertEqual(code, 0)
        self.assertRegex(text, r"error at \d{4}-\S+: connect_failed \(connect: No such file")

    def test_clients_that_send_or_read_too_slowly(self):
        def script(connection, _request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65536)

        self.start(
            [self.backend(hangs), self.backend(script)], "timeouts: {client_idle: 500ms}\nretries: {attempts: 1}\n"
        )
        slow = self.client(self.port).send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly this")
        self.assertEqual(slow.reader.response()["status"], 408)
        self.ended(408, "client_timeout")
        deaf = self.client(self.port, receive_buffer=4096).send(GET)
        deaf.reader.until(b"\r\n\r\n")
        self.assertIn("the client read the response too slowly", self.ended(200, "client_timeout", 1)["detail"])
        self.assertEqual([b["last_errors"] for b in self.proxy.backends().values()], [[], []])


if __name__ == "__main__":
    main()
