"""The admin API under load and behind other host names: limits for unknown clients, and which requests are accepted."""
import contextlib
import json
import os
import socket
import tempfile

from support.scenario import Scenario, eventually, free_port, main, web

TOKEN, READ_TOKEN, BEATS = "a token that changes", "a token that reads", "a token for beats"
FORGED = json.dumps({"pool": "web", "backend": "b0", "sequence": 1, "time": 1, "signature": "0" * 64})


def request(method, path, body="", **fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class OffLoopback(Scenario):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        files = {}
        for name, text in (("token", TOKEN), ("read", READ_TOKEN), ("beats", BEATS)):
            files[name] = os.path.join(folder.name, name)
            with open(files[name], "w") as f:
                f.write(text + "\n")
        backend, self.admin_port = self.backend(), free_port()
        check = f"{{type: heartbeat, mode: push, interval: 1s, fall: 3, token_file: {files['beats']}}}"
        config = f"""listeners: {{web: {{address: "127.0.0.1:{free_port()}", pool: web}}}}
pools: {{web: {{backends: [{{name: b0, address: "{backend.address}"}}], health_check: {check}}}}}
admin:
  address: "0.0.0.0:{self.admin_port}"
  token_file: {files["token"]}
  read_token_file: {files["read"]}
  hosts: [metrics.example]
"""
        self.proxy = self.weir(config, admin_port=self.admin_port)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.admin_port), timeout=30)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method, path, token=None, host=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if host:
            headers["Host"] = host
        return self.proxy.admin(method, path, headers)[0]

    def test_thousands_of_connections_with_forged_beats_lock_no_client_out(self):
        before = self.proxy.descriptors()
        for _ in range(4100):
            connection = self.connect()
            with contextlib.suppress(OSError):  # the answer may come first
                connection.sendall(request("POST", "/api/v1/beat", FORGED))
        self.assertEqual(self.ask("GET", "/healthz"), 200)
        self.assertEqual(self.ask("GET", "/api/v1/status", TOKEN), 200)
        eventually(lambda: self.proxy.descriptors() < before + 300, "they are not kept")

    def test_thousands_of_silent_connections_lock_no_client_out(self):
        before = self.proxy.descriptors()
        for _ in range(1500):
            self.connect().sendall(b"GET /healthz HT")
        self.assertEqual(self.ask("GET", "/healthz"), 200)
        self.assertEqual(self.ask("GET", "/api/v1/status", TOKEN), 200)
        self.assertLess(self.proxy.descriptors(), before + 300)

    def test_a_body_without_a_token_is_not_read_and_costs_no_memory(self):
        before = self.proxy.memory()
        megabyte, answers = "x" * (1 << 20), []
        for path in ["/api/v1/reload", "/api/v1/fleet/push", "/api/v1/beat"] * 50:
            connection = self.connect()
            with contextlib.suppress(OSError):
                connection.sendall(request("POST", path, megabyte))
            with contextlib.suppress(OSError):
                answers.append(connection.recv(12)[9:])
        self.assertEqual(set(answers) - {b""}, {b"401", b"413"})
        self.assertLess(self.proxy.memory() - before, 30_000)

    def test_a_chunked_body_is_bounded_as_well(self):
        connection = self.connect()
        head = (
            f"POST /api/v1/reload HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Transfer-Encoding: chunked\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            connection.sendall(head.encode() + b"10000\r\n" + b"x" * 65536 + b"\r\n")
        self.assertEqual(connection.recv(12)[9:], b"413")

    def test_the_read_only_token_reads_and_changes_nothing(self):
        for path in ("/metrics", "/api/v1/status", "/api/v1/config"):
            self.assertEqual(self.ask("GET", path, READ_TOKEN), 200, path)
        for path in ("/api/v1/reload", "/api/v1/backends/web/b0?state=drain", "/api/v1/fleet/break-lock"):
            self.assertEqual(self.ask("POST", path, READ_TOKEN), 403, path)
            self.assertEqual(self.ask("POST", path), 401, path)
        self.assertEqual(self.ask("POST", "/api/v1/backends/web/b0?state=drain", TOKEN), 200)
        connection = self.connect()
        connection.sendall(request("GET", "/metrics"))
        self.assertIn(b"WWW-Authenticate: Bearer", connection.recv(4096))

    def test_a_host_that_is_a_name_is_accepted_with_a_token_or_from_the_list(self):
        self.assertEqual(self.ask("GET", "/metrics", READ_TOKEN, "weir.example:9901"), 200)
        self.assertEqual(self.ask("GET", "/metrics", None, "weir.example:9901"), 401)
        self.assertEqual(self.ask("GET", "/healthz", None, "weir.example:9901"), 421)
        self.assertEqual(self.ask("GET", "/healthz", None, "metrics.example:9901"), 200)

    def test_head_is_answered_as_get_without_a_body(self):
        connection = self.connect()
        connection.sendall(request("HEAD", "/healthz") + request("GET", "/readyz", Connection="close"))
        answers = b""
        while piece := connection.recv(4096):
            answers += piece
        self.assertEqual(answers.count(b"HTTP/1.1 200 OK"), 2)
        self.assertEqual(answers.count(b"Content-Length: 3"), 2)
        self.assertEqual(answers.count(b"ok\n"), 1)


class Loopback(Scenario):
    def test_names_on_loopback_come_from_the_list(self):
        port = free_port()
        proxy = self.weir(
            web(free_port(), [self.backend()]) + f'admin: {{address: "127.0.0.1:{port}", hosts: [weir.internal]}}\n',
            admin_port=port,
        )
        self.assertEqual(proxy.admin("GET", "/metrics", {"Host": f"weir.internal:{port}"})[0], 200)
        self.assertEqual(proxy.admin("GET", "/metrics", {"Host": f"evil.example:{port}"})[0], 421)


if __name__ == "__main__":
    main()
