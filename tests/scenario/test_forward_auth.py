"""Routes whose requests another service allows or denies."""
import json
import re
import subprocess
import threading

from support.route_errors import route_errors
from support.scenario import Scenario, eventually, flow, free_port, main, web

ALLOWED = b"HTTP/1.1 200 OK\r\nX-User: ann\r\nContent-Length: 2\r\n\r\nok"
DENIED = (
    b"HTTP/1.1 302 Found\r\nLocation: https://login.example.com/?rd=x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
    b"Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 8\r\n\r\nto login"
)
BACKEND = 'weir_backend_{}{{pool="auth",backend="{}"}}'


def values(request, name):
    """Returns the values of a field, in any spelling that CGI programs read as the same."""

    def folded(text):
        return re.sub("[^a-z0-9]", "-", text.lower())

    pairs = (line.split(": ", 1) for line in request["lines"])
    return [value for found, value in pairs if folded(found) == folded(name)]


class ForwardAuth(Scenario):
    def serve(self, script=None, route=None, auth=None, pool=None, service=None, more="", **keys):
        """Starts weir with the backends `seen` and `auth`, and a route /in that the latter decides about."""
        self.port, self.seen = free_port(), self.backend()
        self.auth = service or self.backend(script or self.allow, name="a0")
        self.keys = {"pool": "auth", "path": "/verify", "copy_headers": ["X-User", "X-Group"], **(auth or {})}
        self.route, self.auth_pool, self.more = route, pool, more
        self.proxy = self.weir(self.config(), **keys)

    def config(self):
        route = {"name": "in", "match": {"path_prefix": "/in"}, **(self.route or {"pool": "web"})}
        routes = [{**route, "forward_auth": self.keys}]
        pool = {"backends": [getattr(self.auth, "address", self.auth)], **(self.auth_pool or {})}
        return web(self.port, [self.seen], more=f"  auth: {flow(pool)}\nroutes: {json.dumps(routes)}\n{self.more}")

    def allow(self, connection, request):
        connection.sendall(ALLOWED)

    def ask(self, target="/in", **keys):
        return self.client(self.port).get(target, **keys)

    def failures(self, reason):
        return self.proxy.metrics().get(
            f'weir_failures_total{{listener="web",pool="web",route="in",reason="{reason}"}}', 0
        )

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

    def test_an_allowed_request_gets_the_fields_of_the_service_and_no_forged_ones(self):
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

    def test_connections_to_the_service_are_kept(self):
        self.serve(workers=1)
        for _ in range(5):
            self.assertEqual(self.ask()["status"], 200)
        self.assertEqual(len(self.auth.connections), 1)
        self.assertEqual(len(self.auth.requests), 5)

    def test_a_kept_connection_that_is_dead_costs_nothing(self):
        def once(connection, request):
            connection.sendall(ALLOWED)
            connection.recv(1)  # the next request arrives, and gets no response
            connection.close()

        self.serve(once, workers=1)
        for _ in range(4):
            self.assertEqual(self.ask()["status"], 200)
        self.assertEqual(len(self.auth.connections), 4)
        self.assertEqual(self.failures("auth_unavailable"), 0)
        self.assertEqual(self.proxy.metrics()[BACKEND.format("failures_total", self.auth.address)], 0)

    def check_unavailable(self, status, detail, **keys):
        self.assertEqual(self.ask(**keys)["status"], status)
        eventually(lambda: self.failures("auth_unavailable") >= 1, "the failure is counted")
        self.proxy.wait_logged(f"auth_unavailable.*{detail}")

    def test_a_service_that_fails_refuses_requests(self):
        answers = {
            "5xx": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            "illegal Content-Length": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "switches": b"HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n",
            "invalid chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
        }
        for detail, bytes_sent in answers.items():
            with self.subTest(detail):
                self.serve(lambda connection, _, sent=bytes_sent: connection.sendall(sent))
                self.check_unavailable(503, detail)
                self.assertEqual(self.seen.requests, [])

    def test_a_service_that_breaks_off_or_is_down_refuses_requests(self):
        self.serve(lambda connection, _: connection.close())
        self.check_unavailable(503, "before a response")
        self.serve(service=f"127.0.0.1:{free_port()}")
        self.check_unavailable(503, "connect")
        self.serve(lambda c, _: (c.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nx"), c.close()))
        self.check_unavailable(503, "within the body")

    def test_a_service_that_is_late_refuses_requests(self):
        self.serve(lambda *_: self.auth.closed.wait(300), auth={"timeout": "200ms"})
        self.check_unavailable(503, "backend_timeout")

    def test_a_failing_service_is_passed_over_if_the_route_says_so(self):
        broken = b"HTTP/1.1 500 Oops\r\nX-User: oops\r\nContent-Length: 0\r\n\r\n"
        for script, service in (
            (lambda connection, _: connection.sendall(broken), None),
            (lambda connection, _: connection.close(), None),
            (lambda *_: self.auth.closed.wait(300), None),
            (None, f"127.0.0.1:{free_port()}"),
        ):
            self.serve(script, auth={"timeout": "200ms", "on_unavailable": "proceed"}, service=service)
            self.assertEqual(self.ask(extra="X-User: root\r\nX_Group: wheel\r\n")["status"], 200)
            for name in ("X-User", "X-Group"):
                self.assertEqual(values(self.seen.requests[-1], name), [])
            self.assertEqual(self.failures("auth_unavailable"), 0)

    def test_a_denial_is_final_whatever_the_route_says(self):
        self.serve(lambda connection, _: connection.sendall(DENIED), auth={"on_unavailable": "proceed"})
        self.assertEqual(self.ask()["status"], 302)

    def test_another_backend_of_the_pool_is_tried(self):
        self.serve(workers=1, pool={"algorithm": "round_robin"})
        dead = f"127.0.0.1:{free_port()}"
        self.auth_pool = {"backends": [dead, self.auth.address]}
        self.assertEqual(self.proxy.reload(self.config())["verdict"], "applied")
        for _ in range(4):
            self.assertEqual(self.ask()["status"], 200)
        self.assertGreaterEqual(self.proxy.metrics()[BACKEND.format("failures_total", dead)], 1)
        self.assertEqual(len(self.seen.requests), 4)

    def test_a_failing_service_is_ejected(self):
        self.serve(
            lambda connection, _: connection.sendall(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"),
            pool={"outlier_ejection": {"consecutive_errors": 3, "max_ejected": "100%"}},
            workers=1,
        )
        for _ in range(3):
            self.assertEqual(self.ask()["status"], 503)
        name = BACKEND.format("outlier_ejections_total", self.auth.address)
        eventually(lambda: self.proxy.metrics()[name] == 1, "the service is ejected")

    def test_the_limit_of_connections_to_the_service_holds(self):
        release, most, lock, now = threading.Event(), [0], threading.Lock(), [0]
        self.addCleanup(release.set)

        def script(connection, request):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            release.wait(300)
            with lock:
                now[0] -= 1
            connection.sendall(ALLOWED)

        backends = [self.backend(script, name="a0").entry(max_connections=2)]
        self.serve(pool={"backends": backends, "queue": {"max": 10, "timeout": "1m"}}, auth={"timeout": "1m"})
        clients = [self.client(self.port).send("GET /in HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(6)]
        waiting = lambda: sum(p.get("queue", {}).get("length", 0) for p in self.proxy.status()["pools"])  # noqa: E731
        eventually(lambda: waiting() == 4, "four requests wait in the queue")
        release.set()
        self.assertEqual([client.reader.response()["status"] for client in clients], [200] * 6)
        self.assertEqual(most, [2])

    def test_the_time_limit_covers_the_queue(self):
        backends = [self.backend(lambda *_: self.auth.closed.wait(300), name="a0").entry(max_connections=1)]
        self.serve(pool={"backends": backends, "queue": {"max": 10, "timeout": "5m"}}, auth={"timeout": "300ms"})
        clients = [self.client(self.port).send("GET /in HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(3)]
        self.assertEqual([client.reader.response()["status"] for client in clients], [503] * 3)

    def hang(self, **keys):
        """Starts weir with a service that answers once `self.release` is set."""
        self.release = threading.Event()
        self.addCleanup(self.release.set)

        def script(connection, request):
            self.release.wait(300)
            connection.sendall(ALLOWED)

        self.serve(script, **{"auth": {"timeout": "5m"}, **keys})

    def waiting(self):
        return len(self.auth.requests)

    def test_a_service_that_never_answers_stops_nobody_else(self):
        self.hang(workers=1)
        for _ in range(50):
            self.client(self.port).send("GET /in HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: self.waiting() == 50, "all requests wait for the service")
        other = self.client(self.port)
        for _ in range(20):
            self.assertEqual(other.get("/out")["status"], 200)

    def test_a_client_that_leaves_ends_its_sub_request(self):
        self.hang(workers=1)
        clients = [self.client(self.port).send("GET /in HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(5)]
        eventually(lambda: self.waiting() == 5, "the requests wait for the service")
        for client in clients:
            client.close()
        name = BACKEND.format("active", self.auth.address)
        eventually(lambda: self.proxy.metrics()[name] == 0, "no sub-request is left")
        self.assertEqual(self.proxy.metrics()[BACKEND.format("connections", self.auth.address)], 0)
        eventually(lambda: len(re.findall(r'"GET /in HTTP/1.1" 499', self.proxy.access_log())) == 5, "they are logged")
        self.assertEqual(self.seen.requests, [])

    def test_a_reload_leaves_waiting_requests_alone(self):
        self.hang()
        client = self.client(self.port).send("GET /in HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: self.waiting() == 1, "the request waits for the service")
        without = web(self.port, [self.seen])
        self.assertEqual(self.proxy.reload(without)["verdict"], "applied")
        self.assertEqual(self.ask()["status"], 200)
        self.assertEqual(self.waiting(), 1)
        self.release.set()
        self.assertEqual(client.reader.response()["status"], 200)
        self.assertEqual(values(self.seen.requests[-1], "X-User"), ["ann"])

    def test_weir_stops_while_requests_wait(self):
        self.hang(more="process: {drain_timeout: 200ms, workers: 1}\n")
        for _ in range(10):
            self.client(self.port).send("GET /in HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: self.waiting() == 10, "the requests wait for the service")
        self.proxy.stop()
        self.assertEqual(len(re.findall(r'"GET /in HTTP/1.1" 503 .*drained', self.proxy.access_log())), 10)

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
