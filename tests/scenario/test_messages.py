"""Messages of HTTP/1.1 and 1.0 as real clients and backends send them, and what arrives at the other end."""
import email.utils
import os
import re
import subprocess
import time

from support.scenario import WEIR, Client, Scenario, eventually, flow, free_port, main, web

GET = "GET / HTTP/1.1\r\nHost: a\r\n"


def routed(port, backend, edit, listener=None):
    routes = f"routes:\n  - {{pool: web, request_headers: {edit}}}\n"
    return web(port, [backend], more=routes, listener={"pool": None, **(listener or {})})


class FromClients(Scenario):
    def setUp(self):
        self.port, self.seen = free_port(), self.backend()
        self.proxy = self.weir(web(self.port, [self.seen]))

    def test_an_upgrade_with_content_length_0_becomes_a_tunnel(self):
        """Java's WebSocket client, docker attach and kubectl exec send this length."""

        def script(connection, request):
            self.assertEqual(
                (request["fields"].get("upgrade"), request["fields"].get("connection")), ("tcp", "Upgrade")
            )
            connection.sendall(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n")
            while data := connection.recv(1000):
                connection.sendall(data.upper())

        self.seen.script = script
        client = self.client(self.port)
        client.send(
            "POST /attach HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(client.reader.response()["status"], 101)
        client.send("hello")
        self.assertEqual(client.reader.exactly(5), b"HELLO")

    def test_content_length_0_is_forwarded_and_is_no_body(self):
        client = self.client(self.port)
        for method in ("GET", "PUT", "POST", "DELETE"):
            self.assertEqual(client.get("/", method=method, extra="Content-Length: 0\r\n")["status"], 200)
            self.assertEqual(self.seen.requests[-1]["fields"]["content-length"], "0")
        self.assertEqual(len(self.seen.connections), 1)

    def test_a_page_of_weirs_own_keeps_a_connection_without_a_body(self):
        port = free_port()
        self.weir(
            web(port, [self.seen], listener={"pool": None}) + "routes: [{match: {path_prefix: /there}, pool: web}]\n"
        )
        client = self.client(port)
        for method in ("GET", "PUT", "HEAD"):
            answer = client.get("/", method=method, extra="Content-Length: 0\r\n")
            self.assertEqual((answer["status"], answer["fields"].get("connection")), (404, None))

    def test_every_expectation_counts(self):
        for lines in (
            "Expect: 100-continue\r\nExpect: x\r\n",
            "Expect: x\r\nExpect: 100-continue\r\n",
            "Expect: 100-continue, x\r\n",
            "Expect:\r\nExpect: x\r\n",
        ):
            with Client(self.port) as client:
                self.assertEqual(client.get("/", extra=lines)["status"], 417, lines)
        client = self.client(self.port)
        client.send(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        self.assertEqual(client.reader.response()["status"], 100)
        self.assertEqual(client.send("ok").reader.response()["body"], b"ok")

    def test_a_target_with_the_default_port_agrees_with_a_host_without_it(self):
        client = self.client(self.port)
        for target, host in (
            ("http://h:80/", "h"),
            ("http://h/", "H:80"),
            ("http://h./", "h"),
            ("https://h:443/", "h"),
            ("http://h:/", "h"),
        ):
            self.assertEqual(client.get(target, host=host)["status"], 200, (target, host))
            self.assertEqual(self.seen.requests[-1]["fields"]["host"], target.split("/")[2])
        for target, host in (("http://h:443/", "h"), ("https://h:80/", "h"), ("http://h:81/", "h"), ("http://h/", "g")):
            with Client(self.port) as client:
                self.assertEqual(client.get(target, host=host)["status"], 400, (target, host))

    def test_chunk_extensions_must_match_the_grammar(self):
        def post(line):
            with Client(self.port) as client:
                client.send(
                    f"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{line}\r\nhello\r\n0\r\n\r\n"
                )
                return client.reader.response()

        for line in ("5;a", "5;a=b", "5 ; a = b;c", '5;a="b; \\" c"', '5;a="";b="x"'):
            self.assertEqual(post(line)["body"], b"hello", line)
        for line in ("5;", "5;bad[=x", "5 ", "5;a=", '5;a="b', '5;a="b"c', "5;a b", "5;a ", "5;;a"):
            self.assertEqual(post(line)["status"], 400, line)


class OldClients(Scenario):
    def ask(self, client, text):
        client.send(text)
        return client.reader.response()

    def test_without_a_host_the_backend_gets_its_own(self):
        port, seen, path = free_port(), self.backend(), os.path.join(self.folder(), "b.sock")
        other = self.backend(path=path)
        self.weir(web(port, [seen, other]), workers=1)
        client = self.client(port)
        for _ in range(4):
            self.assertEqual(self.ask(client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")["status"], 200)
        self.assertEqual({r["fields"]["host"] for r in seen.requests}, {seen.address})
        self.assertEqual({r["fields"]["host"] for r in other.requests}, {"localhost"})
        self.assertNotIn("x-forwarded-host", seen.requests[0]["fields"])

    def test_without_a_host_a_retry_names_the_next_backend(self):
        port, alive = free_port(), self.backend()
        rude = self.backend(lambda connection, _: connection.close())
        self.weir(web(port, [rude, alive]), workers=1)
        client = self.client(port)
        for _ in range(3):
            self.assertEqual(self.ask(client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")["status"], 200)
        self.assertEqual({r["fields"]["host"] for r in rude.requests}, {rude.address})
        self.assertEqual({r["fields"]["host"] for r in alive.requests}, {alive.address})

    def test_kept_connections_are_announced_as_kept(self):
        """Without the announcement, `ab -k` would wait for the end of the connection."""
        port, seen = free_port(), self.backend()
        self.weir(web(port, [seen], listener={"pool": None}) + "routes: [{match: {path_prefix: /there}, pool: web}]\n")
        client = self.client(port)
        for target, status in (("/there", 200), ("/missing", 404), ("/missing", 404), ("/there", 200)):
            answer = self.ask(client, f"GET {target} HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            self.assertEqual((answer["status"], answer["fields"]["connection"]), (status, "keep-alive"))
        for options in ("", "Connection: close\r\n", "Connection: keep-alive, close\r\n"):
            with Client(port) as client:
                answer = self.ask(client, f"GET /missing HTTP/1.0\r\n{options}\r\n")
                self.assertEqual((answer["status"], answer["fields"]["connection"], client.rest()), (404, "close", b""))

    def test_responses_without_a_body_keep_the_connection(self):
        port, seen = free_port(), self.backend()
        self.weir(web(port, [seen]))
        client = self.client(port)
        for head in ("204 No Content\r\n", "304 Not Modified\r\n", "200 OK\r\nContent-Length: 0\r\n"):
            seen.script = lambda connection, _, head=head: connection.sendall(f"HTTP/1.1 {head}\r\n".encode())
            answer = self.ask(client, "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            self.assertEqual(answer["fields"]["connection"], "keep-alive", head)
        seen.script = lambda connection, _: connection.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        )
        answer = self.ask(client, "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        self.assertEqual((answer["body"], answer["fields"]["connection"]), (b"ok", "close"))


class FromBackends(Scenario):
    def setUp(self):
        self.port, self.seen = free_port(), self.backend()
        self.proxy = self.weir(web(self.port, [self.seen], more="retries: {attempts: 1}"), workers=1)

    def ask(self, answer, extra=""):
        self.seen.script = lambda connection, _: connection.sendall(answer.encode("latin-1"))
        self.last = self.client(self.port)
        return self.last.get("/", extra=extra)

    def test_what_has_one_reading_only_is_served_and_forwarded_canonically(self):
        ok, chunked = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for answer in (
            chunked + "2  \r\nok\r\n0 \t\r\n\r\n",
            chunked + "2 ;[\r\nok\r\n0;\r\n\r\n",
            chunked + "2;\x01\r\nok\r\n0\r\nT: \x02\r\n\r\n",
            ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
            ok + "Content-Length: 2, 02\r\n\r\nok",
        ):
            with self.subTest(answer=answer):
                for _ in range(2):  # on the same connection
                    self.assertEqual(self.ask(answer)["body"], b"ok")
        self.assertEqual(len(self.seen.connections), 1)

    def test_control_bytes_in_values_reach_no_client(self):
        answer = self.ask("HTTP/1.1 200 O\x01K\r\nA: \x02 b\x1b[2J\x7fc\r\nB: \x03\r\nContent-Length: 2\r\n\r\nok")
        self.assertEqual((answer["fields"]["a"], answer["fields"]["b"], answer["body"]), ("b [2J c", "", b"ok"))
        for bad in (
            "A: \0",
            "A: b\rc",
            "A: b\nC: d",
            "A\x01: b",
            "Content-Length\x01: 2",
            "Content-Length: 2\x01",
            "Content-Length: 2, 3",
        ):
            self.assertEqual(self.ask(f"HTTP/1.1 200 OK\r\n{bad}\r\n\r\nok")["status"], 502, bad)

    def test_a_switch_to_a_protocol_that_was_not_requested_is_502(self):
        switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
        ask = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        for upgrade in ("Upgrade: tcp\r\n", "Upgrade: h2c\r\n", "", "Upgrade: websocket, tcp\r\n"):
            self.assertEqual(self.ask(switch + upgrade + "\r\n", ask)["status"], 502, upgrade)
        self.assertEqual(self.ask(switch + "Upgrade: WebSocket\r\n\r\n", ask)["status"], 101)

    def test_426_names_the_required_protocol(self):
        answer = self.ask(
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(
            (answer["status"], answer["fields"]["upgrade"], answer["fields"]["connection"]), (426, "TLS/1.2", "Upgrade")
        )
        answer = self.ask("HTTP/1.1 200 OK\r\nUpgrade: h2,h2c\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n")
        self.assertNotIn("upgrade", answer["fields"])

    def test_every_final_response_has_one_date(self):
        def age(answer):
            return time.time() - email.utils.parsedate_to_datetime(answer["fields"]["date"]).timestamp()

        self.assertLess(abs(age(self.ask("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))), 20)
        answer = self.ask("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(answer["fields"]["date"], "Sun, 06 Nov 1994 08:49:37 GMT")
        self.assertLess(abs(age(self.ask("nonsense\r\n\r\n"))), 20)  # 502: weir's own page
        with Client(self.port) as client:
            self.assertLess(abs(age(client.send("nonsense\r\n\r\n").reader.response())), 20)  # 400


class Edits(Scenario):
    def arriving(self, edit, extra, trusted=False):
        """Returns the lines that a backend gets for a request with these fields."""
        port, seen = free_port(), self.backend()
        self.weir(routed(port, seen, edit, {"trusted_proxies": ["127.0.0.0/8"]} if trusted else {}), workers=1)
        lines = self.raw(seen)
        self.assertEqual(self.client(port).get("/", extra=extra)["status"], 200)
        return lines()

    def raw(self, seen):
        """Returns the lines of the next request as they arrive: a Reader would merge repeated fields."""
        got = []

        def serve(connection):
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            got.append(data.decode("latin-1"))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        seen.serve = serve
        return lambda: eventually(lambda: got, "the request is there")[0].split("\r\n")[1:-2]

    def values(self, lines, name):
        """Returns the values of every field that a CGI program reads under this name."""

        def fold(text):
            return re.sub("[^a-z0-9]", "_", text.lower())

        return [line.split(": ", 1)[1] for line in lines if fold(line.split(":")[0]) == fold(name)]

    def test_what_is_set_is_what_arrives_once_whatever_the_client_sends(self):
        aliases = "".join(f"{name}: client\r\n" for name in ("X-Api", "X_Api", "x_api", "X.Api", "X_API"))
        lines = self.arriving(
            "{set: {X-Api: v1}, remove: [X-Debug]}", aliases + "X_Debug: 1\r\nX-Debug: 2\r\nX-Other: 3\r\n"
        )
        self.assertEqual(
            (self.values(lines, "X-Api"), self.values(lines, "X-Debug"), self.values(lines, "X-Other")),
            (["v1"], [], ["3"]),
        )

    def test_what_weir_sets_itself_can_be_set_and_removed(self):
        sent = (
            "X-Forwarded-Proto: client\r\nX_Forwarded_Proto: client\r\nX-Forwarded-For: 9.9.9.9\r\n"
            "X-Real-IP: client\r\nForwarded: for=9.9.9.9\r\n"
        )
        for trusted in (False, True):
            lines = self.arriving(
                "{set: {X-Forwarded-Proto: https, X-Real-IP: '1.2.3.4', Forwarded: for=_me}, "
                "remove: [X-Forwarded-Host, x_forwarded_for]}",
                sent,
                trusted,
            )
            self.assertEqual(
                [
                    self.values(lines, n)
                    for n in ("X-Forwarded-Proto", "X-Real-IP", "Forwarded", "X-Forwarded-Host", "X-Forwarded-For")
                ],
                [["https"], ["1.2.3.4"], ["for=_me"], [], []],
            )

    def test_check_refuses_what_would_break_the_message(self):
        names = "Host Content_Length Transfer-Encoding Connection TE Upgrade Keep-Alive Trailer Expect".split()
        path = os.path.join(self.folder(), "weir.yaml")
        with open(path, "w") as f:
            f.write(routed(free_port(), self.backend(), flow({"set": {name: "x" for name in names}})))
        done = subprocess.run([WEIR, "check", "-c", path], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        for name in names:
            self.assertIn(f"routes[0].request_headers.set.{name}: weir sets this header itself", done.stderr)


class Retries(Scenario):
    def test_requests_with_content_length_0_are_retried(self):
        port, alive = free_port(), self.backend(name="alive")
        rude = self.backend(lambda connection, _: connection.close(), name="rude")
        self.weir(web(port, [rude, alive]), workers=1)
        client = self.client(port)
        for method in ("GET", "PUT", "DELETE", "GET", "PUT", "DELETE"):
            answer = client.get("/", method=method, extra="Content-Length: 0\r\n")
            self.assertEqual((answer["status"], answer["fields"].get("x-backend")), (200, "alive"), method)
        self.assertGreater(len(rude.requests), 0)


if __name__ == "__main__":
    main()
