"""Pages from files: error pages of routes and pools, and fixed responses."""
import json
import os
import re
import socket
import ssl
import subprocess

from support.certificates import Authority
from support.peers import Reader
from support.route_errors import route_errors
from support.scenario import WEIR, Scenario, eventually, free_port, main, web


class Pages(Scenario):
    def setUp(self):
        self.dir = self.folder()

    def page(self, name, text):
        """Writes a file as editors do: the old one is replaced."""
        path = os.path.join(self.dir, name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.rename(path + ".new", path)
        return path

    def serve(self, *routes, backends=None, pool=None, more="", watch=False):
        self.port = free_port()
        backends = backends or [f"127.0.0.1:{free_port()}"]
        self.config = web(self.port, backends, pool=pool, more=f"routes: {json.dumps(routes)}\n{more}")
        self.proxy = self.weir(self.config, watch=watch)

    def ask(self, target="/", **request):
        return self.client(self.port).get(target, **request)

    def test_a_route_has_pages_for_a_status_and_for_a_class(self):
        own, other = self.page("502.html", "<p>Sorry.</p>"), self.page("5xx.json", '{"error": true}\n')
        self.serve(
            {"match": {"path_prefix": "/both"}, "pool": "web", "error_pages": {502: own, "5xx": other}},
            {"match": {"path_prefix": "/class"}, "pool": "web", "error_pages": {"5xx": other, "4xx": own}},
            {"match": {"path_prefix": "/other"}, "pool": "web", "error_pages": {404: own}},
        )
        answer = self.ask("/both")
        self.assertEqual((answer["status"], answer["body"]), (502, b"<p>Sorry.</p>"))
        self.assertEqual(answer["fields"]["content-type"], "text/html; charset=utf-8")
        self.assertIn("date", answer["fields"])
        answer = self.ask("/class")
        self.assertEqual((answer["status"], answer["body"]), (502, b'{"error": true}\n'))
        self.assertEqual(answer["fields"]["content-type"], "application/json")
        self.assertEqual(self.ask("/other")["body"], b"502 Bad Gateway\n")

    def test_a_pool_has_pages_for_what_its_routes_leave_out(self):
        refused, sorry = self.page("refused.txt", "Staff only.\n"), self.page("sorry.html", "<p>Back soon.</p>")
        self.serve(
            {
                "match": {"path": "/in"},
                "pool": "web",
                "access": {"deny": ["127.0.0.0/8"]},
                "error_pages": {403: refused},
            },
            {"match": {"path": "/to"}, "redirect": {"to": "/in"}},
            pool={"error_pages": {"5xx": sorry}},
        )
        self.assertEqual(self.ask("/")["body"], b"<p>Back soon.</p>")
        answer = self.ask("/in")
        self.assertEqual((answer["status"], answer["body"]), (403, b"Staff only.\n"))
        self.assertEqual(self.ask("/to")["body"], b"302 Found\n")

    def test_what_a_backend_responds_is_not_replaced(self):
        def fail(connection, request):
            connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")

        self.serve({"pool": "web", "error_pages": {"5xx": self.page("e.html", "page")}}, backends=[self.backend(fail)])
        answer = self.ask()
        self.assertEqual((answer["status"], answer["body"]), (503, b"busy"))

    def test_a_head_request_gets_the_head_of_the_page(self):
        self.serve({"pool": "web", "error_pages": {502: self.page("e.html", "x" * 1000)}})
        client = self.client(self.port)
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.reader.response("HEAD")
        self.assertEqual((answer["fields"]["content-length"], answer["body"]), ("1000", b""))
        self.assertEqual(client.get("/")["body"], b"x" * 1000)

    def test_a_maintenance_page_comes_from_a_file(self):
        page = self.page("down.html", "<h1>Maintenance</h1>")
        self.serve(
            {"match": {"clients": ["192.0.2.0/24"]}, "pool": "web"},
            {"respond": {"status": 503, "file": page, "headers": {"Retry-After": "600", "X-Path": "{path}"}}},
        )
        answer = self.ask("/a/b")
        self.assertEqual((answer["status"], answer["body"]), (503, b"<h1>Maintenance</h1>"))
        fields = answer["fields"]
        self.assertEqual((fields["retry-after"], fields["x-path"]), ("600", "/a/b"))
        self.assertEqual(fields["content-type"], "text/html; charset=utf-8")

    def test_a_page_that_changes_is_used_at_once(self):
        page = self.page("e.html", "before")
        self.serve({"pool": "web", "error_pages": {502: page}}, pool={"error_pages": {"503": page}})
        self.assertEqual(self.ask()["body"], b"before")
        self.page("e.html", "after")
        code, plan, _ = self.proxy.command("plan", "-c", self.proxy.path)
        self.assertEqual(code, 0)
        self.assertRegex(plan, f"file {re.escape(page)}.*for new requests")
        self.assertEqual(self.proxy.reload()["verdict"], "unchanged")  # the configuration is
        self.assertEqual(self.ask()["body"], b"after")

    def test_a_page_is_watched_and_a_missing_one_keeps_the_old(self):
        page = self.page("e.html", "before")
        self.serve({"pool": "web", "error_pages": {502: page}}, watch=True)
        self.page("e.html", "watched")
        eventually(lambda: self.ask()["body"] == b"watched", "the new page is in force")
        self.proxy.wait_logged("e.html has changed")
        os.remove(page)
        self.assertEqual(self.proxy.reload()["verdict"], "refused")
        self.assertEqual(self.ask()["body"], b"watched")

    def test_a_large_page_reaches_a_slow_reader_whole(self):
        self.serve({"pool": "web", "error_pages": {502: self.page("e.html", "0123456789abcdef" * 65536)}})
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.addCleanup(client.close)
        client.settimeout(30)
        client.connect(("127.0.0.1", self.port))
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = b""
        while part := client.recv(4096):
            received += part
        self.assertTrue(received.endswith(b"0123456789abcdef" * 65536))

    def test_pages_are_sent_over_tls_too(self):
        authority = Authority(self.folder())
        pair = authority.issue("a.example")
        self.port = free_port()
        keys = {"tls": {"certificates": [{"cert": pair["cert"], "key": pair["key"]}]}}
        large = self.page("large.html", "0123456789abcdef" * 65536)
        routes = [
            {"match": {"path": "/small"}, "respond": {"body": "small"}},
            {"match": {"path": "/large"}, "respond": {"file": large}},
            {"match": {"path": "/plain"}, "redirect": {"to": "/small"}},
        ]
        refused = [f"127.0.0.1:{free_port()}"]
        self.proxy = self.weir(web(self.port, refused, listener=keys, more=f"routes: {json.dumps(routes)}\n"))
        context = ssl.create_default_context(cafile=authority.root)
        for target, status, size in (
            ("/small", 200, 5),
            ("/large", 200, 1 << 20),
            ("/plain", 302, 10),
            ("/x", 502, 16),
        ):
            with socket.create_connection(("127.0.0.1", self.port), 30) as plain:
                with context.wrap_socket(plain, server_hostname="a.example") as client:
                    client.sendall(f"GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
                    answer = Reader(client).response()
                    self.assertEqual((answer["status"], len(answer["body"])), (status, size), target)

    def test_a_client_that_does_not_read_a_page_is_logged(self):
        page = self.page("e.html", "x" * 1024 * 1024)
        self.serve({"respond": {"file": page}}, more="timeouts: {client_idle: 200ms}\n")
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.addCleanup(client.close)
        client.connect(("127.0.0.1", self.port))
        for _ in range(20):
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: re.search(r"client_timeout", self.proxy.access_log()), "the timeout is logged")

    def test_pages_that_cannot_be_sent_are_refused_with_their_place(self):
        large = self.page("large.html", "x" * (1024 * 1024 + 1))
        pipe = os.path.join(self.folder(), "pipe.html")
        os.mkfifo(pipe)
        for route, expected in (
            ({"pool": "web", "error_pages": {"6xx": "a.html"}}, 'error_pages.6xx: "6xx" is not an error status'),
            ({"pool": "web", "error_pages": {200: "a.html"}}, '"200" is not an error status: write 400 to 599'),
            ({"pool": "web", "error_pages": {502: "page"}}, 'the extension of "page" has no known Content-Type'),
            (
                {"pool": "web", "error_pages": {502: "/no/such.html"}},
                "error_pages.502: cannot read /no/such.html: No such",
            ),
            ({"pool": "web", "error_pages": {502: large}}, "is larger than 1MiB: serve it from a backend"),
            (
                {"pool": "web", "error_pages": {502: pipe}},
                f"cannot read {pipe}: it is not a regular file; put one there",
            ),
            ({"respond": {"file": "/no/such.html"}}, "respond.file: cannot read /no/such.html: No such file"),
            ({"respond": {"file": "a.bin"}}, 'the extension of "a.bin" has no known Content-Type: set it in headers'),
            ({"respond": {"file": "a.txt", "body": "b"}}, "remove body or file"),
            ({"respond": {"status": 204, "file": "a.txt"}}, "a response with status 204 has no body"),
        ):
            self.assertIn(expected, route_errors(self, route), route)

    def test_check_reads_the_pages_of_pools_too(self):
        path = os.path.join(self.dir, "weir.yaml")
        with open(path, "w") as f:
            f.write(web(free_port(), ["127.0.0.1:1"], pool={"error_pages": {"5xx": "/no/such.html"}}))
        done = subprocess.run([WEIR, "check", "-c", path], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn("pools.web.error_pages.5xx: cannot read /no/such.html", done.stdout + done.stderr)


if __name__ == "__main__":
    main()
