"""Routes whose requests another service allows or denies."""
import json
import re
import subprocess
import threading

from support.certificates import Authority
from support.guarded import ALLOWED, DENIED, GuardedSite, values
from support.route_errors import route_errors
from support.scenario import eventually, flow, free_port, main, web
from support.tls_peers import HeadedBackend, TlsBackend


class ForwardAuth(GuardedSite):
    def test_the_service_sees_the_head_of_the_request_and_only_that(self):
        self.serve()
        client = self.client(self.port)
        client.send(
            "POST /in/a/../%62?q=1 HTTP/1.1\r\nHost: example.com\r\nCookie: s=1\r\nX-Forwarded-Method: GET\r\n"
            "X_Forwarded_Uri: /\r\nX-Forwarded-Uri: /free\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: X-Mine\r\n"
            "X-Mine: 1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody"
        )
        while (answer := client.reader.response())["status"] == 100:
            pass
        self.assertEqual((answer["status"], answer["body"]), (200, b"body"))
        asked = self.auth.requests[0]
        self.assertEqual((asked["method"], asked["target"], asked["body"]), ("GET", "/verify", b""))
        fields = asked["fields"]
        self.assertEqual((fields["host"], fields["cookie"]), ("example.com", "s=1"))
        self.assertEqual(values(asked, "X-Forwarded-Method"), ["POST"])
        self.assertEqual(values(asked, "X-Forwarded-Uri"), ["/in/b?q=1"])
        self.assertEqual(values(asked, "X-Forwarded-For"), ["127.0.0.1"])
        self.assertEqual(values(asked, "X-Forwarded-Proto"), ["http"])
        self.assertEqual(values(asked, "X-Forwarded-Host"), ["example.com"])
        for name in ("expect", "content-length", "transfer-encoding", "connection", "x-mine"):
            self.assertNotIn(name, fields)

    def test_a_trusted_proxy_cannot_set_what_the_service_decides_by(self):
        self.port, self.seen, self.auth = free_port(), self.backend(), self.backend(self.allow)
        self.keys, self.route, self.auth_pool, self.more = {"pool": "auth", "path": "/"}, None, None, ""
        listener = {"trusted_proxies": ["127.0.0.0/8"]}
        routes = [{"match": {"path_prefix": "/in"}, "pool": "web", "forward_auth": self.keys}]
        more = f"  auth: {flow({'backends': [self.auth.address]})}\nroutes: {json.dumps(routes)}\n"
        self.weir(web(self.port, [self.seen], listener=listener, more=more))
        told = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Uri: /free\r\nx-forwarded.method: HEAD\r\n"
        self.assertEqual(self.ask(extra=told)["status"], 200)
        asked = self.auth.requests[0]
        self.assertEqual(values(asked, "X-Forwarded-Uri"), ["/in"])
        self.assertEqual(values(asked, "X-Forwarded-Method"), ["GET"])
        self.assertEqual(values(asked, "X-Forwarded-For"), ["192.0.2.1, 127.0.0.1"])

    def test_an_allowed_request_gets_the_fields_of_the_service_only(self):
        def script(connection, request):
            groups = b"X-Group: a\r\nx-group: b\r\n" if "cookie" in request["fields"] else b""
            connection.sendall(b"HTTP/1.1 204 No Content\r\nX-User: ann\r\n" + groups + b"X-Other: no\r\n\r\n")

        self.serve(script)
        forged = "X-User: root\r\nX_User: root\r\nx.user: root\r\nX-Group: wheel\r\nX_Group: wheel\r\n"
        for cookie, groups in (("Cookie: s=1\r\n", ["a", "b"]), ("", [])):
            self.assertEqual(self.ask(extra=forged + cookie)["status"], 200)
            request = self.seen.requests[-1]
            self.assertEqual(values(request, "X-User"), ["ann"])
            self.assertEqual(values(request, "X-Group"), groups)
            self.assertEqual(values(request, "X-Other"), [])
        self.assertEqual(self.ask("/out", extra="X-User: free\r\n")["status"], 200)
        self.assertEqual(values(self.seen.requests[-1], "X-User"), ["free"])

    def test_a_copied_header_and_not_the_clients_chooses_the_backend(self):
        self.serve()
        self.backends = [self.backend(name=f"b{i}") for i in range(4)]
        self.web_pool = {"algorithm": "hash", "hash": {"on": "header", "name": "X-User"}}
        self.assertEqual(self.proxy.reload(self.config())["verdict"], "applied")
        for i in range(12):
            self.assertEqual(self.ask(extra=f"X-User: client{i}\r\n")["status"], 200)
        self.assertEqual(sorted(len(backend.requests) for backend in self.backends), [0, 0, 0, 12])

    def test_conditions_and_other_names_of_the_url_do_not_reach_the_service(self):
        self.serve()
        names = ("X-Original-URL", "X_Original_Uri", "X-Rewrite-URL", "If-None-Match", "Range", "Content-Type")
        self.assertEqual(self.ask(extra="".join(f"{name}: x\r\n" for name in names))["status"], 200)
        for name in names:
            self.assertEqual(values(self.auth.requests[0], name), [], name)
            self.assertEqual(values(self.seen.requests[0], name), ["x"], name)

    def test_the_route_changes_what_the_service_has_set(self):
        edits = {"set": {"X-User": "all"}, "remove": ["X-Group"]}
        self.serve(
            lambda connection, _: connection.sendall(ALLOWED.replace(b"X-User", b"X-Group: a\r\nX-User")),
            {"pool": "web", "request_headers": edits, "host": "backend"},
        )
        self.assertEqual(self.ask()["status"], 200)
        self.assertEqual(values(self.seen.requests[0], "X-User"), ["all"])
        self.assertEqual(values(self.seen.requests[0], "X-Group"), [])

    def test_a_denied_request_gets_the_response_of_the_service(self):
        self.serve(
            lambda connection, _: connection.sendall(DENIED),
            {"pool": "web", "response_headers": {"set": {"X-Frame-Options": "DENY"}}},
        )
        client = self.client(self.port)
        for _ in range(2):  # on one connection
            answer = client.get("/in")
            self.assertEqual((answer["first"], answer["body"]), ("HTTP/1.1 302 Found", b"to login"))
            self.assertEqual(answer["fields"]["location"], "https://login.example.com/?rd=x")
            self.assertEqual(
                [line for line in answer["lines"] if "Cookie" in line], ["Set-Cookie: a=1", "Set-Cookie: b=2"]
            )
            self.assertEqual(answer["fields"]["x-frame-options"], "DENY")
            for name in ("x-hop", "keep-alive", "connection"):
                self.assertNotIn(name, answer["fields"])
        head = client.get("/in", method="HEAD")
        self.assertEqual((head["status"], head["fields"]["content-length"]), (302, "8"))
        self.assertEqual(client.get("/out")["status"], 200)
        self.assertEqual([r["target"] for r in self.seen.requests], ["/out"])
        eventually(
            lambda: len(re.findall(r'"(GET|HEAD) /in HTTP/1.1" 302', self.proxy.access_log())) == 3, "it is logged"
        )
        self.assertNotIn("request failed", self.proxy.log())

    def test_each_status_below_500_that_does_not_allow_denies(self):
        self.serve(
            lambda connection, request: connection.sendall(
                f"HTTP/1.1 {request['fields']['x-want']} It\r\nWWW-Authenticate: Bearer\r\n"
                "Transfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n".encode()
                if request["fields"]["x-want"] != "304"
                else b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"
            )
        )
        for status in (301, 400, 401, 403, 404, 429):
            answer = self.ask(extra=f"X-Want: {status}\r\n")
            self.assertEqual((answer["status"], answer["body"]), (status, b"no!"))
            self.assertEqual(answer["fields"]["www-authenticate"], "Bearer")
        self.assertEqual(self.ask(extra="X-Want: 304\r\n")["status"], 304)
        self.assertEqual(self.seen.requests, [])

    def test_a_denied_upload_is_not_read(self):
        self.serve(lambda connection, _: connection.sendall(DENIED))
        for framing in (
            "Content-Length: 100000",
            "Content-Length: 5\r\nExpect: 100-continue",
            "Transfer-Encoding: chunked",
        ):
            client = self.client(self.port)
            client.send(f"POST /in HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")
            answer = client.reader.response()
            self.assertEqual((answer["status"], answer["fields"]["connection"]), (302, "close"))
            client.close()
        self.assertEqual(self.seen.requests, [])

    def test_bodies_arrive_whole_behind_the_permission(self):
        self.serve()
        body = bytes(range(256)) * 4096
        client = self.client(self.port)
        client.send(f"POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        self.assertEqual(client.reader.response()["body"], body)
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:70_000]))
        client.send(b"POST /in HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        self.assertEqual(client.reader.response()["body"], body[:70_000])
        client.send("POST /in HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        self.assertEqual(client.reader.response()["status"], 100)
        self.assertEqual(client.send("late").reader.response()["body"], b"late")
        self.assertEqual([r["body"] for r in self.auth.requests], [b""] * 3)

    def test_a_body_is_buffered_only_once_the_request_is_allowed(self):
        allowed = threading.Event()
        script = lambda connection, _: connection.sendall(ALLOWED if allowed.is_set() else DENIED)  # noqa: E731
        self.serve(script, {"pool": "web", "buffer_requests": True, "body_size": "1MiB"})
        head = "POST /in HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        answer = self.client(self.port).send(head).reader.response()
        self.assertEqual((answer["status"], answer["fields"]["connection"]), (302, "close"))
        allowed.set()
        client = self.client(self.port).send(head)
        self.assertEqual(client.reader.response()["status"], 100)
        self.assertEqual(client.send("body").reader.response()["body"], b"body")
        self.assertEqual(values(self.seen.requests[0], "X-User"), ["ann"])

    def test_bodies_of_responses_are_bounded(self):
        def script(connection, request):
            status, size = request["fields"]["x-want"].split(",")
            head = f"HTTP/1.1 {status} It\r\nContent-Length: {size}\r\n\r\n"
            connection.sendall(head.encode() + b"x" * int(size))

        self.serve(script)
        for status, size, served in (
            ("200", 65536, b"b /in"),
            ("200", 10**6, b"b /in"),
            ("403", 65536, b"x" * 65536),
            ("403", 65537, b""),
        ):
            answer = self.ask(extra=f"X-Want: {status},{size}\r\n")
            self.assertEqual((answer["status"], answer["body"]), (int(status), served), size)

    def test_redirects_and_fixed_responses_are_protected_too(self):
        allowed = threading.Event()
        script = lambda connection, _: connection.sendall(ALLOWED if allowed.is_set() else DENIED)  # noqa: E731
        self.serve(script, {"respond": {"body": "secret"}})
        self.assertEqual(self.ask()["status"], 302)
        allowed.set()
        self.assertEqual(self.ask()["body"], b"secret")

    def test_a_request_that_is_refused_before_does_not_reach_the_service(self):
        self.serve(route={"pool": "web", "access": {"deny": ["127.0.0.0/8"]}})
        self.assertEqual(self.ask()["status"], 403)
        self.assertEqual(self.auth.requests, [])

    def test_basic_auth_comes_before_and_its_user_is_logged(self):
        users = f"{self.folder()}/users"
        hashed = subprocess.run(["openssl", "passwd", "-6", "six"], capture_output=True, text=True, check=True).stdout
        with open(users, "w") as f:
            f.write(f"ann:{hashed}")
        self.serve(lambda c, _: c.sendall(DENIED), {"pool": "web", "basic_auth": {"users_file": users}})
        self.assertEqual(self.ask()["status"], 401)
        self.assertEqual(self.auth.requests, [])
        self.assertEqual(self.ask(extra="Authorization: Basic YW5uOnNpeA==\r\n")["status"], 302)
        self.assertEqual(len(self.auth.requests), 1)
        eventually(lambda: re.search(r' - ann \[.*"GET /in HTTP/1.1" 302', self.proxy.access_log()), "it is logged")

    def test_an_upgrade_is_a_request_like_any_other(self):
        def switch(connection, request):
            connection.sendall(b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            connection.sendall(connection.recv(100))

        allowed = threading.Event()
        self.serve(lambda connection, _: connection.sendall(ALLOWED if allowed.is_set() else DENIED))
        self.seen.script = switch
        upgrade = "Connection: Upgrade\r\nUpgrade: echo\r\n"
        self.assertEqual(self.ask(extra=upgrade)["status"], 302)
        allowed.set()
        client = self.client(self.port)
        self.assertEqual(client.get("/in", extra=upgrade)["status"], 101)
        self.assertEqual(client.send("ping").reader.exactly(4), b"ping")
        for request in self.auth.requests:
            self.assertNotIn("upgrade", request["fields"])
            self.assertNotIn("connection", request["fields"])

    def test_a_client_of_http_1_0_without_a_host_is_asked_about_too(self):
        self.serve(lambda connection, _: connection.sendall(DENIED))
        client = self.client(self.port).send("GET /in HTTP/1.0\r\n\r\n")
        answer = client.reader.response()
        self.assertEqual((answer["status"], answer["body"], client.rest()), (302, b"to login", b""))
        self.assertEqual(self.auth.requests[0]["fields"]["host"], self.auth.address)

    def test_the_service_may_be_behind_tls_and_the_proxy_protocol(self):
        authority = Authority(self.folder())
        pair, tls = authority.issue("auth.example"), {"ca": authority.root, "server_name": "auth.example"}
        for secure, service in (
            (True, TlsBackend(pair, proxy_header=True, script=self.allow)),
            (True, TlsBackend(pair, script=self.allow)),
            (False, HeadedBackend(self.allow)),
        ):
            self.addCleanup(service.close)
            headed = getattr(service, "proxy_header", True)
            pool = {**({"tls": tls} if secure else {}), **({"send_proxy_protocol": "v1"} if headed else {})}
            self.serve(service=service, pool=pool, workers=1)
            self.assertEqual([self.ask()["status"] for _ in range(3)], [200] * 3)
            self.assertEqual(len(service.connections), 3 if headed else 1)
            self.assertEqual(len(service.headers), 3 if headed else 0)
            for header in service.headers:
                self.assertRegex(header.decode(), rf"PROXY TCP4 127.0.0.1 127.0.0.1 \d+ {self.port}\r\n")

    def test_mistakes_are_named(self):
        for auth, wrong in (
            ({"path": "/"}, "pool"),
            ({"pool": "web"}, "path"),
            ({"pool": "none", "path": "/"}, "none"),
            ({"pool": "web", "path": "verify"}, "begins with"),
            ({"pool": "web", "path": "/", "copy_headers": ["Host"]}, "host"),
            ({"pool": "web", "path": "/", "timeout": "0s"}, "more than 0"),
        ):
            self.assertIn(wrong, route_errors(self, {"pool": "web", "forward_auth": auth}), auth)


if __name__ == "__main__":
    main()
