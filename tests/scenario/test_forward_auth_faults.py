"""Services that decide about requests, when they fail, hang, or have too much to do."""
import re
import threading

from support.guarded import ALLOWED, BACKEND, DENIED, GuardedSite, values
from support.scenario import eventually, free_port, main, web


class ForwardAuthFaults(GuardedSite):
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
        self.serve(lambda c, _: (c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), c.close()))
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
        for rest in (b"Content-Length: 9\r\n\r\nx", b"Transfer-Encoding: chunked\r\n\r\nz\r\n"):
            for close in (True, False):
                script = lambda c, _: (c.sendall(b"HTTP/1.1 403 No\r\n" + rest), close and c.close())  # noqa: E731,B023
                self.serve(script, auth={"timeout": "300ms", "on_unavailable": "proceed"})
                answer = self.ask()
                self.assertEqual((answer["status"], answer["body"]), (403, b""))
                self.assertEqual(self.seen.requests, [])

    def test_no_client_opens_a_route_by_what_it_makes_the_service_send(self):
        def script(connection, request):
            back = request["fields"]["x-forwarded-uri"].replace("&", "%26")
            connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: /login?rd={back}\r\n\r\n".encode())

        self.serve(script, auth={"on_unavailable": "proceed"})
        self.assertEqual(self.ask("/in?" + "&" * 7000)["status"], 503)
        self.assertEqual(self.seen.requests, [])
        self.assertEqual(self.proxy.metrics()[BACKEND.format("failures_total", self.auth.address)], 0)

    def test_load_and_reloads_do_not_open_a_route(self):
        service = self.backend(lambda *_: self.auth.closed.wait(300), name="a0")
        auth = {"timeout": "1m", "on_unavailable": "proceed"}
        self.serve(pool={"backends": [service.entry(max_connections=1)], "close_after": "100ms"}, auth=auth, workers=1)
        waiting = self.client(self.port).send("GET /in HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: service.requests, "the service is asked")
        self.assertEqual(self.ask()["status"], 503)
        denies = self.backend(lambda connection, _: connection.sendall(DENIED), name="a1")
        self.auth_pool = {"backends": [denies.address], "close_after": "100ms"}
        self.assertEqual(self.proxy.reload(self.config())["verdict"], "applied")
        self.assertEqual(waiting.reader.response()["status"], 302)
        self.assertEqual(self.seen.requests, [])

    def test_a_service_that_hangs_is_passed_over_for_another(self):
        hangs = self.backend(lambda *_: hangs.closed.wait(300), name="a0")
        works = self.backend(self.allow, name="a1")
        pool = {"backends": [hangs.address, works.address], "timeouts": {"response": "200ms"}}
        self.serve(workers=1, pool={**pool, "algorithm": "round_robin"}, auth={"timeout": "1m"})
        for _ in range(3):
            self.assertEqual(self.ask()["status"], 200)

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

        service = self.backend(script, name="a0")
        self.serve(
            pool={"backends": [service.entry(max_connections=2)], "queue": {"max": 10, "timeout": "1m"}},
            auth={"timeout": "1m"},
        )
        clients = [self.client(self.port).send("GET /in HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(6)]
        waiting = lambda: sum(p.get("queue", {}).get("length", 0) for p in self.proxy.status()["pools"])  # noqa: E731
        eventually(lambda: waiting() == 4 and now == [2], "four requests wait in the queue, and two at the service")
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

    def test_a_service_that_never_answers_delays_no_other_request(self):
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


if __name__ == "__main__":
    main()
