"""The PROXY protocol: a load balancer in front sends the client's address, and weir passes it to the backends."""
import socket
import struct

from support.scenario import Backend, Reader, Scenario, eventually, free_port, main, web

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(source, destination, command=0x21, family=0x11, more=b""):
    def pack(a):
        return socket.inet_pton(socket.AF_INET, a[0])

    addresses = pack(source) + pack(destination) + struct.pack("!HH", source[1], destination[1]) + more
    return SIGNATURE + struct.pack("!BBH", command, family, len(addresses)) + addresses


class ProxiedBackend(Backend):
    """A backend that requires a PROXY header, and records each."""

    def __init__(self):
        self.headers = []
        super().__init__()

    def serve(self, connection):
        reader = Reader(connection)
        try:
            while len(reader.buffer) < len("PROXY UNKNOWN\r\n") and reader.more():
                pass
            if reader.buffer.startswith(SIGNATURE):
                head = reader.exactly(16)
                header = head + reader.exactly(struct.unpack("!H", head[14:16])[0])
            else:
                header = reader.until(b"\r\n") + b"\r\n"
            with self.lock:
                self.headers.append(header)
            while (request := reader.request()) is not None:
                with self.lock:
                    self.requests.append(request)
                self.echo(connection, request)
        except (OSError, AssertionError) as problem:
            with self.lock:
                self.broken.append(str(problem))
        finally:
            connection.close()


class Receiving(Scenario):
    def serve(self, trusted="127.0.0.0/8", protocol="http", backend=None, header="20s"):
        self.port, self.seen = free_port(), backend or self.backend()
        self.listener = {"protocol": protocol, "trusted_proxies": [trusted], "accept_proxy_protocol": True}
        self.proxy = self.weir(self.config(header), workers=1)

    def config(self, header):
        return web(self.port, [self.seen], listener=self.listener, more=f"timeouts: {{client_header: {header}}}")

    def wait_refused(self, count):
        name = 'weir_proxy_headers_refused_total{listener="web"}'
        eventually(lambda: self.proxy.metrics()[name] == count, f"{count} refusals are counted")

    def test_the_announced_address_is_the_client(self):
        self.serve()
        for header, ip in (
            (b"PROXY TCP4 203.0.113.7 192.0.2.1 4444 80\r\n", "203.0.113.7"),
            (b"PROXY TCP6 2001:db8::7 ::1 4444 80\r\n", "2001:db8::7"),
            (v2(("203.0.113.8", 5), ("192.0.2.1", 80)), "203.0.113.8"),
            (v2(("203.0.113.8", 5), ("192.0.2.1", 80), more=b"\x02\0\x01x"), "203.0.113.8"),
        ):
            client = self.client(self.port)
            client.send(header)
            for _ in range(2):  # the header holds for the whole connection
                self.assertEqual(client.get("/", extra="X-Forwarded-For: 6.6.6.6\r\n")["status"], 200)
                self.assertEqual(self.seen.requests[-1]["fields"]["x-forwarded-for"], ip)
        eventually(lambda: self.proxy.access_log().count("203.0.113.7 - - [") == 2, "the log has it, too")

    def test_a_header_may_come_byte_by_byte_and_with_the_request(self):
        self.serve()
        for header in (b"PROXY TCP4 203.0.113.7 192.0.2.1 4444 80\r\n", v2(("203.0.113.7", 5), ("192.0.2.1", 80))):
            client = self.client(self.port)
            for byte in header:
                client.send(bytes([byte]))
            self.assertEqual(client.get("/")["status"], 200)
            client = self.client(self.port)
            client.send(header + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.reader.response()["status"], 200)
            self.assertEqual(self.seen.requests[-1]["fields"]["x-forwarded-for"], "203.0.113.7")

    def test_a_long_header_leaves_room_for_a_large_body_behind_it(self):
        self.serve()
        for extra in (4000, 8000, 15000):
            for size in (1000, 4000, 9000, 16000):
                header = v2(
                    ("203.0.113.7", 5), ("192.0.2.1", 80), more=b"\x20" + struct.pack("!H", extra) + bytes(extra)
                )
                client = self.client(self.port)
                client.send(header + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
                self.assertEqual(len(client.reader.response()["body"]), size)
                self.assertEqual(client.get("/")["status"], 200)

    def test_a_silent_proxy_does_not_hold_up_a_stop(self):
        for protocol in ("http", "tcp"):
            self.serve(protocol=protocol)
            self.assertEqual(self.proxy.reload(self.config("1h"))["verdict"], "applied")
            silent = self.client(self.port)
            eventually(lambda: self.proxy.metrics()['weir_connections_active{listener="web"}'] == 1, "it is connected")
            self.assertEqual(self.proxy.stop(), 0)
            self.assertEqual(silent.rest(), b"")

    def test_a_proxys_own_connection_and_an_unknown_client(self):
        self.serve()
        for header, believed in (
            (v2(("1.1.1.1", 1), ("2.2.2.2", 2), command=0x20), True),
            (b"PROXY UNKNOWN\r\n", False),
            (v2(("1.1.1.1", 1), ("2.2.2.2", 2), family=0), False),
        ):
            client = self.client(self.port)
            client.send(header)
            self.assertEqual(client.get("/", extra="X-Forwarded-For: 6.6.6.6\r\n")["status"], 200)
            self.assertEqual(
                self.seen.requests[-1]["fields"]["x-forwarded-for"], "6.6.6.6, 127.0.0.1" if believed else "127.0.0.1"
            )

    def test_what_is_no_header_closes_the_connection(self):
        self.serve()
        bad = (
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"PROXY " + b"x" * 200,
            v2(("1.1.1.1", 1), ("2.2.2.2", 2), command=0x31),
            SIGNATURE[:-1] + b"x" * 20,
        )
        for data in bad:
            self.assertEqual(self.client(self.port).send(data).rest(), b"")
        self.wait_refused(len(bad))
        self.assertEqual((self.seen.requests, self.seen.connections), ([], []))

    def test_a_header_that_does_not_come_in_time_closes_the_connection(self):
        self.serve(header="500ms")
        self.assertEqual(self.client(self.port).send(b"PROXY TCP4 1.2").rest(), b"")
        self.assertEqual(self.client(self.port).rest(), b"")
        self.wait_refused(2)

    def test_a_header_from_an_untrusted_address_closes_the_connection(self):
        self.serve(trusted="10.0.0.0/8")
        for data in (
            b"PROXY TCP4 203.0.113.7 192.0.2.1 4444 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            self.assertEqual(self.client(self.port).send(data).rest(), b"")
        self.assertEqual(self.seen.connections, [])

    def test_a_tcp_listener_strips_the_header(self):
        self.serve(protocol="tcp")
        client = self.client(self.port)
        client.send(b"PROXY TCP4 203.0.113.7 192.0.2.1 4444 80\r\nGET / HTTP/1.1\r\nHost: raw\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 200)
        self.assertEqual(self.seen.requests[-1]["fields"], {"host": "raw"})

    def test_the_proxy_protocol_needs_trusted_proxies(self):
        self.serve()
        self.proxy.write(
            f"""
listeners: {{web: {{address: "127.0.0.1:{self.port}", pool: web, accept_proxy_protocol: true}}}}
pools: {{web: {{backends: ["{self.seen.address}"]}}}}
"""
        )
        code, _, err = self.proxy.command("check", "-c", self.proxy.path)
        self.assertEqual(code, 1)
        self.assertIn("list the proxies that send the header in trusted_proxies", err)


class Sending(Scenario):
    def serve(self, version, protocol="http", front="", check=""):
        self.port, self.seen = free_port(), ProxiedBackend()
        self.addCleanup(self.seen.close)
        self.proxy = self.weir(
            f"""
listeners: {{web: {{address: "127.0.0.1:{self.port}", protocol: {protocol}, pool: web{front}}}}}
pools: {{web: {{backends: ["{self.seen.address}"], send_proxy_protocol: {version}{check}}}}}
""",
            workers=1,
        )

    def expected(self, version, client, client_address=None, destination=None):
        source = client_address or client.sock.getsockname()
        destination = destination or ("127.0.0.1", self.port)
        if version == "v1":
            return f"PROXY TCP4 {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()
        return v2(source, destination)

    def test_backends_get_the_address_of_the_client(self):
        for version in ("v1", "v2"):
            self.serve(version)
            first, second = self.client(self.port), self.client(self.port)
            for client in (first, second, first):
                self.assertEqual(client.get("/")["status"], 200)
                # The side that closes first keeps the port in TIME_WAIT: let that be the client.
                self.assertEqual(self.seen.requests[-1]["fields"]["connection"], "close")
            self.assertEqual(self.seen.headers, [self.expected(version, c) for c in (first, second, first)])
            self.assertEqual(self.seen.broken, [])

    def test_a_tcp_backend_gets_the_header_before_any_byte_of_the_client(self):
        for version in ("v1", "v2"):
            self.serve(version, protocol="tcp")
            client = self.client(self.port)
            eventually(lambda: self.seen.headers == [self.expected(version, client)], "the header is there")
            self.assertEqual(client.get("/")["status"], 200)

    def test_a_received_address_is_passed_on_to_the_backend(self):
        self.serve("v2", front=", accept_proxy_protocol: true, trusted_proxies: [127.0.0.1]")
        header2 = v2(("203.0.113.8", 5), ("192.0.2.1", 80))
        for header, expected in ((header2, header2), (b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x21\0\0\0")):
            client = self.client(self.port)
            self.assertEqual(client.send(header).get("/")["status"], 200)
            self.assertEqual(self.seen.headers[-1], expected)

    def test_health_checks_begin_with_a_header_of_weirs_own(self):
        for version, header in (("v1", b"PROXY UNKNOWN\r\n"), ("v2", SIGNATURE + b"\x20\0\0\0")):
            self.serve(version, check=", health_check: {type: http, path: /healthz, interval: 200ms, timeout: 200ms}")
            self.proxy.wait_up(1)
            self.assertEqual(self.seen.headers[0], header)


if __name__ == "__main__":
    main()
