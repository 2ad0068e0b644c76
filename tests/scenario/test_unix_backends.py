"""Backends that listen on unix sockets."""
import os
import socket
import tempfile

from support.scenario import Scenario, eventually, free_port, main, web

CHECK = "{interval: 200ms, fall: 10, rise: 1}"


class UnixBackends(Scenario):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-sockets-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def test_http_to_unix_sockets(self):
        """Requests, kept connections, bodies, health checks and names work as over TCP."""
        port = free_port()
        a = self.backend(name="a", path=self.path("a.sock"))
        b = self.backend(name="b", path=self.path("b.sock"))
        tcp = self.backend(name="tcp")
        proxy = self.weir(web(port, [a, b, tcp], check=CHECK), workers=1)
        proxy.wait_up(3)
        self.assertEqual(set(proxy.backends()), {"a.sock", "b.sock", tcp.address})
        self.assertEqual(proxy.backends()["a.sock"]["address"], "unix:" + a.path)
        client = self.client(port)
        names = [client.get("/asked")["fields"]["x-backend"] for _ in range(9)]
        self.assertEqual({name: names.count(name) for name in set(names)}, {"a": 3, "b": 3, "tcp": 3})
        self.assertEqual(len([r for r in a.requests if r["target"] == "/asked"]), 3)
        client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + "x" * 300000)
        answer = client.reader.response()
        self.assertEqual((answer["status"], len(answer["body"])), (200, 300000))
        b.close()
        eventually(lambda: proxy.backends()["b.sock"]["state"] == "down", "b is down")
        self.assertEqual([client.get("/")["status"] for _ in range(6)], [200] * 6)
        b.open()
        proxy.wait_up(3)

    def listen(self, path, backlog):
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen(backlog)
        return listener

    def test_a_socket_that_does_not_exist_is_tried_elsewhere(self):
        port, good = free_port(), self.backend(name="good")
        proxy = self.weir(web(port, [good, "unix:" + self.path("missing.sock")]), workers=1)
        client = self.client(port)
        self.assertEqual([client.get("/")["status"] for _ in range(6)], [200] * 6)
        self.assertGreaterEqual(proxy.backends()["missing.sock"]["failures"], 1)

    def test_a_full_backlog_is_waited_for(self):
        """A unix socket refuses with EAGAIN where TCP would send its SYN again: the request waits for room."""
        port, path = free_port(), self.path("full.sock")
        listener = self.listen(path, 0)
        waiting = []
        try:
            while True:  # until the backlog has no room
                filler = socket.socket(socket.AF_UNIX)
                filler.setblocking(False)
                waiting.append(filler)
                filler.connect(path)
        except BlockingIOError:
            pass
        proxy = self.weir(web(port, ["unix:" + path], more="timeouts: {connect: 1m}"), workers=1)
        client = self.client(port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: proxy.metrics()["weir_connect_shortages_total"] >= 1, "weir finds the backlog full")
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        for filler in waiting:
            filler.close()
        listener.settimeout(30)
        while True:
            connection, _ = listener.accept()
            self.addCleanup(connection.close)
            if connection.recv(4096):
                connection.sendall(answer)
                break
        self.assertEqual(client.reader.response()["status"], 200)

    def test_tcp_to_unix_sockets(self):
        port, path = free_port(), self.path("tcp.sock")
        listener = self.listen(path, 5)
        config = f"""listeners:
  db: {{address: "127.0.0.1:{port}", protocol: tcp, pool: db}}
pools:
  db:
    backends: [{{name: postgres, address: "unix:{path}"}}]
    send_proxy_protocol: v1
    health_check: {{type: tcp, interval: 200ms}}
"""
        proxy = self.weir(config, workers=1)
        proxy.wait_up(1, "db")
        client = socket.create_connection(("127.0.0.1", port), 30)
        self.addCleanup(client.close)
        client.sendall(b"hello")
        listener.settimeout(30)
        expected = f"PROXY TCP4 127.0.0.1 127.0.0.1 {client.getsockname()[1]} {port}\r\nhello".encode()
        while True:  # probes come first
            connection, _ = listener.accept()
            self.addCleanup(connection.close)
            connection.settimeout(30)
            got = b""
            while len(got) < len(expected) and (piece := connection.recv(4096)):
                got += piece
            if got == expected:
                break
            self.assertIn(got, (b"", b"PROXY UNKNOWN\r\n"))
        connection.sendall(b"world")
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(client.recv(100), b"world")
        self.assertEqual(client.recv(100), b"")

    def test_bad_socket_addresses_are_refused_with_the_place(self):
        port = free_port()
        proxy = self.weir(web(port, [self.backend()]), workers=1)
        for address, check, message in (
            ("unix:relative.sock", "", '"unix:/absolute/path"'),
            ("unix:/" + "x" * 200, "", "107 bytes"),
            ("unix:/run/has space.sock", "", "without spaces"),
            ("unix:/run/app.sock", "{port: 81}", "a unix socket, which has no port"),
        ):
            proxy.write(web(port, [address], check=check))
            code, _, err = proxy.command("check", "-c", proxy.path)
            self.assertEqual(code, 1)
            self.assertRegex(err, r"weir\.yaml:\d+:\d+: pools\.web")
            self.assertIn(message, err)


if __name__ == "__main__":
    main()
