"""Heads of HTTP/2 at their limits, and connections that begin like HTTP/2 or like HTTP/1.1."""
from support import http2_frames as h2
from support.http2_scenario import Http2Scenario
from support.peers import Client
from support.scenario import main


class LargeHeads(Http2Scenario):
    def test_requests_as_large_as_the_limit_allows(self):
        """Their blocks take CONTINUATION frames."""
        self.serve(more="limits: {header_size: 256KiB, header_count: 1000}")
        client = self.connect()
        for size in (10, 15, 17, 33, 60, 100, 130):
            with self.subTest(kilobytes=size):
                more = [(f"x-{number}", "y" * 1_000) for number in range(size)]
                view = client.get(more=more)
                self.assertEqual(view.status, 200)
                self.assertEqual(self.seen.requests[-1]["fields"][f"x-{size - 1}"], "y" * 1_000)

    def test_one_field_as_large_as_the_limit_allows(self):
        self.serve(more="limits: {header_size: 256KiB, header_count: 1000}")
        client = self.connect()
        for size in (10, 17, 33, 60):
            with self.subTest(kilobytes=size):
                self.assertEqual(client.get(more=[("x", "y" * 1_000 * size)]).status, 200)

    def test_requests_beyond_the_limits_of_the_library(self):
        """64 KiB a field and eight CONTINUATION frames: beyond that, the connection may end as well."""
        self.serve(more="limits: {header_size: 256KiB, header_count: 1000}")
        for more in ([("x", "y" * 70_000)], [(f"x-{number}", "y" * 1_000) for number in range(200)]):
            client = self.connect()
            view = client.request(more=more)
            client.wait(lambda c=client, v=view: v.over or c.closed, "it is served or refused")
            self.assertTrue(view.over or client.goaways, "closed without GOAWAY")
            client.close()
        self.assert_serves()

    def test_requests_within_the_usual_limit(self):
        self.serve()
        client = self.connect()
        for fields in ([("x", "y" * 15_000)], [(f"x-{number}", "y" * 100) for number in range(90)], [("x", "")] * 90):
            self.assertEqual(client.get(more=fields).status, 200)

    def test_large_responses_pass_or_get_a_502(self):
        def script(connection, request):
            count = int(request["target"][1:])
            fields = "".join(f"X-{number}: {'y' * 1_000}\r\n" for number in range(count))
            connection.sendall(f"HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok".encode())

        self.serve(script, more="limits: {header_size: 256KiB, header_count: 1000}")
        client = self.connect()
        for size in (1, 10, 15, 16, 17, 30, 60, 63, 64, 65, 66, 100, 200):
            with self.subTest(kilobytes=size):
                view = client.get(f"/{size}")
                self.assertIn(view.status, (200, 502))
                if view.status == 200:
                    self.assertEqual((view.fields[f"x-{size - 1}"], bytes(view.body)), ("y" * 1_000, b"ok"))
        self.assertEqual(client.get("/1").status, 200)

    def test_many_informational_responses(self):
        hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

        def script(connection, request):
            connection.sendall(hint * 10 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        self.serve(script)
        self.assertEqual(self.get().status, 200)

    def test_illegal_heads_of_backends_get_a_502(self):
        heads = (
            b"HTTP/1.1 200 OK\r\nX Y: 1\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        )
        for head in heads:
            with self.subTest(head=head):
                self.serve(lambda connection, _, head=head: connection.sendall(head))
                client = self.connect()
                self.assertEqual(client.get().status, 502)
                client.ping()
                self.assertEqual(client.goaways, [])

    def test_every_legal_byte_of_a_value_passes_both_ways(self):
        value = "".join(map(chr, [*range(0x21, 0x7F), *range(0x80, 0x100), 0x20, 0x09, 0x21]))

        def script(connection, request):
            text = f"HTTP/1.1 200 OK\r\nX-Back: {request['fields']['x-value']}\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(text.encode("latin-1"))

        self.serve(script)
        client = self.connect()
        view = client.request(more=[("x-value", value)])
        client.wait(lambda: view.over, "it is answered")
        self.assertEqual(self.seen.requests[0]["fields"]["x-value"], value)
        self.assertEqual(view.fields["x-back"], value)


class Beginnings(Http2Scenario):
    """A plain listener looks at the first bytes."""

    def test_methods_that_begin_like_the_preface(self):
        self.serve()
        for method in ("P", "PR", "PRI", "PUT", "POST", "PRINT", "PROPFIND", "PRIX"):
            with self.subTest(method=method), Client(self.port) as client:
                text = f"{method} /x HTTP/1.1\r\nHost: a\r\n\r\n"
                for byte in text:
                    client.send(byte)
                answer = client.reader.response()
                self.assertEqual(answer["first"][:8], "HTTP/1.1")
                if method != "PRI":
                    self.assertEqual(answer["status"], 200)

    def test_the_preface_is_no_request(self):
        """On a connection that has begun with HTTP/1.1, it is refused."""
        self.serve()
        client = self.client(self.port)
        self.assertEqual(client.get()["status"], 200)
        client.send(h2.PREFACE + h2.settings() + h2.headers(1, h2.block(h2.head(path="/smuggled"))))
        self.assertRegex(client.rest(), rb"^HTTP/1\.1 (400|405|505) ")
        self.assertEqual(len(self.seen.requests), 1)

    def test_empty_lines_before_the_preface(self):
        self.serve()
        client = self.client(self.port)
        client.send(b"\r\n" + h2.PREFACE + h2.settings())
        self.assertNotIn(b"\0\0\0\4\1", client.rest())  # no SETTINGS of HTTP/2
        self.assertEqual(self.seen.requests, [])


if __name__ == "__main__":
    main()
