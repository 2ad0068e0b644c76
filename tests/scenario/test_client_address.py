"""The client's address behind trusted proxies: in the log, in hash: source_ip, in what backends get."""
import json
import socket
import threading

from support.scenario import Scenario, eventually, free_port, main


class Behind(Scenario):
    def start(self, backends=None, trusted="127.0.0.1, 10.0.0.0/8", pool="", more=""):
        self.port = free_port()
        self.backends = backends or [self.backend()]
        listed = ", ".join(f'"{b.address}"' for b in self.backends)
        self.proxy = self.weir(
            f"""listeners: {{web: {{address: "127.0.0.1:{self.port}", pool: web, trusted_proxies: [{trusted}]}}}}
pools: {{web: {{backends: [{listed}]{pool}}}}}
logging: {{access: {{format: json}}}}
{more}""",
            workers=1,
        )

    def lines(self, count):
        eventually(lambda: self.proxy.access_log().count("\n") == count, f"{count} lines")
        return [json.loads(line) for line in self.proxy.access_log().splitlines()]

    def test_a_kept_connection_of_a_proxy_carries_many_clients(self):
        self.start()
        proxy = self.client(self.port)
        chains = [
            ("X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"),
            ("", "127.0.0.1"),
            ("X-Forwarded-For: 1.1.1.1, 203.0.113.8, 10.0.0.3\r\n", "203.0.113.8"),
            ('Forwarded: for="[2001:db8::1]:80";proto=https\r\n', "2001:db8::1"),
            ("X-Forwarded-For: 203.0.113.9, unknown\r\n", "127.0.0.1"),
            ("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.10:443\r\n", "203.0.113.10"),
        ]
        for fields, _ in chains:
            self.assertEqual(proxy.get("/", extra=fields)["status"], 200)
        self.assertEqual([line["client"] for line in self.lines(len(chains))], [client for _, client in chains])
        self.assertEqual({line["peer"] for line in self.lines(len(chains))}, {"127.0.0.1"})
        got = [request["fields"] for request in self.backends[0].requests]
        self.assertEqual([fields["x-real-ip"] for fields in got], [client for _, client in chains])
        self.assertEqual(got[2]["x-forwarded-for"], "1.1.1.1, 203.0.113.8, 10.0.0.3, 127.0.0.1")

    def test_others_are_not_believed(self):
        self.start(trusted="192.0.2.1")
        raw = []
        self.backends[0].script = lambda connection, request: (
            raw.append(request),
            self.backends[0].echo(connection, request),
        )
        client = self.client(self.port)
        client.get(
            "/",
            extra="X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\nX-Real-IP: 203.0.113.7\r\n"
            "X_Real_IP: 203.0.113.7\r\n",
        )
        self.assertEqual(self.lines(1)[0]["client"], "127.0.0.1")
        fields = raw[0]["fields"]
        self.assertEqual((fields["x-real-ip"], fields["x-forwarded-for"]), ("127.0.0.1", "127.0.0.1"))
        self.assertNotIn("203.0.113.7", str(fields))

    def test_requests_that_weir_refuses_show_the_client_too(self):
        self.start(more="limits: {header_count: 20}\ntimeouts: {client_header: 1s}\n")
        told = "X-Forwarded-For: 1.1.1.1, 203.0.113.7, 10.0.0.3\r\n"
        heads = [
            (f"GET /bad HTTP/1.1\r\nHost: a\r\n{told}Bad line\r\n\r\n", 400, "203.0.113.7"),
            (f"GET /many HTTP/1.1\r\nHost: a\r\n{told}" + "A: b\r\n" * 30 + "\r\n", 431, "203.0.113.7"),
            (f"GET /slow HTTP/1.1\r\nHost: a\r\n{told}", 408, "203.0.113.7"),
            (f"GET /framing HTTP/1.1\r\nHost: a\r\n{told}Content-Length: 1, 2\r\n\r\n", 400, "203.0.113.7"),
            ("GET /none HTTP/1.1\r\nHost: a\r\nBad line\r\n\r\n", 400, "127.0.0.1"),
            ("GET /cut HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7", 408, "127.0.0.1"),
        ]
        for data, status, _ in heads:
            self.assertEqual(self.client(self.port).send(data).reader.response("GET")["status"], status)
        lines = self.lines(len(heads))
        self.assertEqual([line["status"] for line in lines], [status for _, status, _ in heads])
        self.assertEqual([line["client"] for line in lines], [client for _, _, client in heads])
        self.assertEqual({line["peer"] for line in lines}, {"127.0.0.1"})
        for status in (400, 431):
            self.proxy.wait_logged(rf'request failed: .* status={status} client="203.0.113.7" peer="127.0.0.1"')

    def test_a_refused_request_of_others_is_not_believed(self):
        self.start(trusted="192.0.2.1")
        data = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\nBad line\r\n\r\n"
        self.assertEqual(self.client(self.port).send(data).reader.response("GET")["status"], 400)
        self.assertEqual(self.lines(1)[0]["client"], "127.0.0.1")

    def test_hash_source_ip_goes_by_the_client(self):
        self.start([self.backend(name=f"b{i}") for i in range(4)], pool=", algorithm: hash, hash: {on: source_ip}")
        proxy = self.client(self.port)
        home = {}
        for _ in range(3):
            for i in range(40):
                name = proxy.get("/", extra=f"X-Forwarded-For: 203.0.113.{i}\r\n")["fields"]["x-backend"]
                self.assertEqual(home.setdefault(i, name), name)
        self.assertGreater(len(set(home.values())), 1)

    def proxy_header_of(self, version, fields):
        """Returns the first bytes that a backend gets for a request with these fields."""
        got, listening = [], socket.create_server(("127.0.0.1", free_port()))
        self.addCleanup(listening.close)

        def serve():
            connection, _ = listening.accept()
            data = b""
            while b"\r\n\r\n" not in data.removeprefix(b"\r\n\r\n"):
                data += connection.recv(65536)
            got.append(data)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        port = free_port()
        self.weir(
            f"""listeners: {{web: {{address: "127.0.0.1:{port}", pool: web, trusted_proxies: [127.0.0.1]}}}}
pools: {{web: {{backends: ["127.0.0.1:{listening.getsockname()[1]}"], send_proxy_protocol: {version}}}}}
""",
            workers=1,
        )
        self.assertEqual(self.client(port).get("/", extra=fields)["status"], 200)
        return got[0], port

    def test_a_proxy_header_to_a_backend_tells_the_client(self):
        data, port = self.proxy_header_of("v1", "X-Forwarded-For: 203.0.113.7:4711\r\n")
        self.assertTrue(data.startswith(f"PROXY TCP4 203.0.113.7 127.0.0.1 4711 {port}\r\n".encode()), data[:80])

    def test_a_client_of_the_other_family_is_told_in_ipv6_form(self):
        data, port = self.proxy_header_of("v1", "X-Forwarded-For: 2001:db8::1\r\n")
        self.assertTrue(data.startswith(f"PROXY TCP6 2001:db8::1 ::ffff:127.0.0.1 0 {port}\r\n".encode()), data[:80])

    def test_a_proxy_header_names_the_client_and_the_connection_names_the_peer(self):
        port, backend = free_port(), self.backend()
        self.proxy = self.weir(
            f"""listeners:
  web:
    address: "127.0.0.1:{port}"
    pool: web
    accept_proxy_protocol: true
    trusted_proxies: [127.0.0.1, 10.0.0.0/8]
pools: {{web: {{backends: ["{backend.address}"]}}}}
logging: {{access: {{format: json}}}}
""",
            workers=1,
        )
        first = self.client(port).send("PROXY TCP4 203.0.113.5 192.0.2.1 1 2\r\n")
        first.get("/", extra="X-Forwarded-For: 1.1.1.1\r\n")
        second = self.client(port).send("PROXY TCP4 10.0.0.9 192.0.2.1 1 2\r\n")
        second.get("/", extra="X-Forwarded-For: 203.0.113.6\r\n")
        lines = self.lines(2)
        self.assertEqual([line["client"] for line in lines], ["203.0.113.5", "203.0.113.6"])
        self.assertEqual({line["peer"] for line in lines}, {"127.0.0.1"})
        self.assertEqual([r["fields"]["x-real-ip"] for r in backend.requests], ["203.0.113.5", "203.0.113.6"])


if __name__ == "__main__":
    main()
