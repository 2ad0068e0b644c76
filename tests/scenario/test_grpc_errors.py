"""Calls of gRPC that fail: errors of weir's own, deadlines, and what a status says about a backend."""
import threading

from support.grpc_scenario import CALL, GrpcScenario, answers, grpc, trails
from support.http2_scenario import respond
from support.reasons import hangs
from support.scenario import eventually, free_port, main

EJECT = {"outlier_ejection": {"consecutive_errors": 2, "base_time": "1h", "max_ejected": "100%"}}


class OwnErrors(GrpcScenario):
    def test_errors_of_weirs_own_are_a_head_with_a_status(self):
        users = self.folder() + "/users"
        with open(users, "w") as f:
            f.write("ann:$6$salt$" + "a" * 86 + "\n")
        routes = [
            {"match": {"path_prefix": "/denied"}, "pool": "web", "access": {"allow": ["192.0.2.1/32"]}},
            {"match": {"path_prefix": "/secret"}, "pool": "web", "basic_auth": {"users_file": users}},
            {"match": {"path_prefix": "/busy"}, "pool": "web", "rate_limit": {"rate": "1/h"}},
            {"match": {"path_prefix": "/small"}, "pool": "web", "body_size": "2B"},
            {"match": {"path_prefix": "/moved"}, "redirect": {"to": "/elsewhere"}},
            {"match": {"path_prefix": "/closed"}, "respond": {"status": 503, "body": "back at 100 %"}},
            {"match": {"path_prefix": "/known"}, "pool": "web"},
        ]
        self.serve_calls(routes=routes, behind=f"127.0.0.1:{free_port()}", listener={"pool": None})
        self.call("/busy/m")
        cases = [
            ("/nowhere/m", 12, 404, "no_route"),
            ("/denied/m", 7, 403, "access_denied"),
            ("/secret/m", 16, 401, "unauthorized"),
            ("/busy/m", 14, 429, "rate_limited"),
            ("/small/m", 8, 413, "body_too_large"),
            ("/known/m", 14, 502, "connect_refused"),
            ("/moved/m", 2, 302, ""),
            ("/closed/m", 14, 503, ""),
        ]
        for number, (path, status, http, reason) in enumerate(cases, 1):
            with self.subTest(path):
                view = self.call(path, more=[("content-length", "5")])
                self.assert_call_error(view, status)
                self.assertNotIn("location", view.fields)
                line = self.line(number)
                self.assertEqual((line["status"], line["grpc_status"], line["reason"]), (http, status, reason))
        self.assertEqual(self.call("/closed/m").fields["grpc-message"], "back at 100 %25")
        self.assertRegex(self.call("/nowhere/m").fields["grpc-message"], "^404 Not Found$")
        self.assertIn("retry-after", self.call("/busy/m").fields)
        self.assertIn(
            'weir_requests_total{listener="web",pool="",route="",code="404"}', self.proxy.metrics()
        )  # not 200: error rates see it

    def test_error_pages_are_for_browsers(self):
        page = self.folder() + "/page.html"
        with open(page, "w") as f:
            f.write("<p>Sorry.</p>")
        edit = {"set": {"Content-Type": "text/html", "X-Set": "1"}, "remove": ["Retry-After"]}
        self.serve_calls(answers(0), [{"pool": "web", "error_pages": {"5xx": page}, "response_headers": edit}])
        self.seen.close()
        view = self.call()
        self.assert_call_error(view, 14)
        self.assertEqual((view.fields["x-set"], bytes(view.body)), ("1", b""))
        self.assertEqual(bytes(self.get().body), b"<p>Sorry.</p>")

    def test_other_requests_get_the_usual_errors(self):
        self.serve_calls(answers(0))
        self.seen.close()
        client = self.connect()
        for more in ([], [("content-type", "application/grpc-web")], [("content-type", "application/json")]):
            view = client.finish(client.request("POST", "/a/b", body=b"x", more=more))
            self.assertEqual((view.status, view.fields.get("grpc-status")), (502, None))
        view = client.finish(client.request("GET", "/a/b", more=CALL[:1]))
        self.assertEqual(view.status, 502)
        old = self.client(self.port)  # there is no gRPC over HTTP/1.1
        answer = old.get("/a/b", method="POST", extra="Content-Type: application/grpc\r\nContent-Length: 0\r\n")
        self.assertEqual(answer["status"], 502)

    def test_a_denied_client_gets_a_status(self):
        denials = {"/a/a": ("403 No", 7), "/a/b": ("302 Found", 16), "/a/c": ("401 No", 16)}

        def decide(connection, request):
            respond(connection, b"<p>no</p>", denials[request["fields"]["x-forwarded-uri"]][0], "Location: /login\r\n")

        auth = self.backend(decide)
        route = {"pool": "web", "forward_auth": {"pool": "auth", "path": "/"}}
        self.more_pools = f'  auth: {{backends: ["{auth.address}"]}}\n'
        self.serve_calls(answers(0), [route])
        for path, (_, status) in denials.items():
            view = self.call(path)
            self.assert_call_error(view, status)
            self.assertEqual(bytes(view.body), b"")

    def test_a_real_client_sees_status_and_message(self):
        self.serve_calls(answers(5, "grpc-message: no such cart\r\n"))
        error = self.failed_call(self.stub())
        self.assertEqual((error.code(), error.details()), (grpc.StatusCode.NOT_FOUND, "no such cart"))
        self.seen.close()
        error = self.failed_call(self.stub())
        self.assertEqual((error.code(), error.details()), (grpc.StatusCode.UNAVAILABLE, "502 Bad Gateway"))


class Deadlines(GrpcScenario):
    def test_a_call_ends_at_its_deadline_and_the_backend_is_not_ejected(self):
        self.serve_calls(hangs, pool=EJECT)
        for number in range(3):
            self.assert_call_error(self.call(more=[("grpc-timeout", "100m")]), 4, "504 Gateway Timeout")
            line = self.line(number)
            self.assertEqual((line["status"], line["grpc_status"], line["reason"]), (504, 4, "deadline_exceeded"))
            self.assertGreaterEqual(line["duration_ms"], 100)
        self.assertEqual(self.seen.requests[0]["fields"]["grpc-timeout"], "100m")
        name = f'{{pool="web",backend="{self.seen.address}"}}'
        metrics = self.proxy.metrics()
        self.assertEqual(metrics["weir_backend_errors_total" + name], 3)  # the canary sees it
        self.assertEqual(metrics["weir_backend_failures_total" + name], 3)
        self.assertEqual(metrics["weir_backend_outlier_ejections_total" + name], 0)

    def test_a_real_client_gives_up_with_weir(self):
        self.serve_calls(hangs)
        error = self.failed_call(self.stub(), timeout=0.2)
        self.assertEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        eventually(lambda: self.line()["reason"] in ("deadline_exceeded", "client_closed"), "one of them was first")

    def test_the_request_to_the_backend_ends_with_the_call(self):
        left = threading.Event()

        def watch(connection, *_):
            if connection.recv(1) == b"":
                left.set()

        self.serve_calls(watch)
        self.call(more=[("grpc-timeout", "50m")])
        self.assertTrue(left.wait(30))

    def test_a_call_that_waits_in_a_queue_ends_at_its_deadline(self):
        backend = self.backend(hangs)
        self.serve_calls(behind=backend.entry(max_connections=1), pool={"queue": {"max": 10, "timeout": "1h"}})
        client = self.connect()
        self.begin_call(client)
        eventually(lambda: backend.requests, "the only place is taken")
        self.assert_call_error(self.call(more=[("grpc-timeout", "100m")]), 4)
        self.assertEqual(len(backend.requests), 1)
        self.assertEqual((self.line()["reason"], self.line()["backend"]), ("deadline_exceeded", ""))

    def test_a_body_that_does_not_end_does_not_outlast_the_deadline(self):
        self.serve_calls(hangs)
        client = self.connect()
        view = self.begin_call(client, more=[("grpc-timeout", "100m")], end=False)
        client.wait(lambda: view.over, "the call has ended")
        self.assert_call_error(view, 4)

    def test_a_response_under_way_is_reset_at_the_deadline(self):
        def begin(connection, _request):
            head = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(head.encode() + b"5\r\n\0\0\0\0\0\r\n")
            connection.recv(1)

        self.serve_calls(begin)
        client = self.connect()
        view = self.begin_call(client, more=[("grpc-timeout", "500m")])
        client.wait(lambda: view.over, "the stream is over")
        self.assertIsNotNone(view.reset)
        self.assertEqual((view.status, bytes(view.body)), (200, b"\0\0\0\0\0"))
        self.assertEqual(self.line()["reason"], "deadline_exceeded")

    def test_a_deadline_that_cannot_be_read_is_left_to_the_backend(self):
        self.serve_calls(answers(13))
        for value in ("x", "1", "0.1S", "123456789n"):
            self.assertEqual(self.call(more=[("grpc-timeout", value)]).fields["grpc-status"], "13")
            self.assertEqual(self.seen.requests[-1]["fields"]["grpc-timeout"], value)

    def test_timeouts_of_weirs_own_are_exceeded_deadlines(self):
        self.serve_calls(hangs, more="timeouts: {response: 100ms}\n")
        self.assert_call_error(self.call(), 4)
        self.assertEqual(self.line()["reason"], "backend_timeout")

    def test_a_deadline_far_away_is_as_good_as_none(self):
        self.serve_calls(answers(0))
        for value in ("99999999H", "1H"):
            self.assertEqual(self.call(more=[("grpc-timeout", value)]).fields["grpc-status"], "0")


class Outcomes(GrpcScenario):
    def state(self):
        return self.proxy.backends()[self.seen.address]["state"]

    def errors(self):
        return self.proxy.metrics()[f'weir_backend_errors_total{{pool="web",backend="{self.seen.address}"}}']

    def test_a_backend_that_is_not_available_is_ejected(self):
        self.serve_calls(answers(14), pool=EJECT)
        for _ in range(2):
            self.assertEqual(self.call().fields["grpc-status"], "14")
        eventually(lambda: self.state() == "ejected", "it is ejected")
        self.assertEqual(self.line()["grpc_status"], 14)
        self.assertEqual((self.line()["status"], self.line()["reason"]), (200, ""))

    def test_errors_of_a_method_count_for_the_canary_only(self):
        script, self.status = answers, 0
        self.serve_calls(lambda connection, request: script(self.status)(connection, request), pool=EJECT)
        count = 0
        for self.status in range(18):
            if self.status in (4, 14):
                continue
            for _ in range(3):
                self.call()
            count += 3 if self.status in (2, 13, 15, 17) else 0
            self.assertEqual(self.errors(), count, self.status)
        self.assertNotEqual(self.state(), "ejected")

    def test_a_missed_deadline_counts_unless_the_client_has_set_it(self):
        self.serve_calls(answers(4), pool=EJECT)
        for number in range(3):
            self.call(more=[("grpc-timeout", "1H")])
            self.assertEqual(self.errors(), number + 1)
        self.assertNotEqual(self.state(), "ejected")
        for _ in range(2):
            self.call()
        eventually(lambda: self.state() == "ejected", "it is ejected")

    def test_the_status_in_trailers_counts(self):
        self.serve_calls(trails(14), pool=EJECT)
        for number in range(2):
            view = self.call()
            self.assertEqual((view.fields.get("grpc-status"), view.trailers["grpc-status"]), (None, "14"))
            self.assertEqual(self.line(number)["grpc_status"], 14)
        eventually(lambda: self.state() == "ejected", "it is ejected")


class RealServers(GrpcScenario):
    """Servers of gRPC behind weir, over HTTP/2."""

    def serve_real(self, pool=None, route=None, **methods):
        self.address = self.real_server(**methods)
        route = {"name": "shop", "pool": "web", "grpc_metrics": True, **(route or {})}
        self.serve_calls(routes=[route], behind=self.address, pool={"protocol": "http2", **(pool or {})})

    def test_a_server_that_knows_no_deadline_learns_that_it_has_passed(self):
        ended = threading.Event()

        def wait(_request, context):
            context.add_callback(ended.set)
            ended.wait(30)
            return b""

        self.serve_real(Add=wait, pool=EJECT, route={"request_headers": {"remove": ["grpc-timeout"]}})
        view = self.call(more=[("grpc-timeout", "300m")])
        self.assert_call_error(view, 4)
        self.assertTrue(ended.wait(30))
        self.assertEqual(self.line()["reason"], "deadline_exceeded")

    def test_the_status_of_a_server_is_logged_counted_and_judged(self):
        def fail(_request, context):
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now: 100 %")

        self.serve_real(Add=lambda request, _: request + b"!", Get=fail, pool=EJECT)
        self.assertEqual(self.stub()(b"x"), b"x!")
        self.assertEqual((self.line()["status"], self.line()["grpc_status"]), (200, 0))
        for number in (1, 2):
            error = self.failed_call(self.stub("/shop.Cart/Get"))
            self.assertEqual((error.code(), error.details()), (grpc.StatusCode.UNAVAILABLE, "not now: 100 %"))
            self.assertEqual(self.line(number)["grpc_status"], 14)
        eventually(lambda: self.proxy.backends()[self.address]["state"] == "ejected", "it is ejected")
        error = self.failed_call(self.stub())
        self.assertEqual((error.code(), error.details()), (grpc.StatusCode.UNAVAILABLE, "503 Service Unavailable"))
        labels = 'route="shop",service="shop.Cart",method="{}",grpc_status="{}"'
        for method, status, count in (("Add", 0, 1), ("Add", 14, 1), ("Get", 14, 2)):
            name = f"weir_grpc_requests_total{{{labels.format(method, status)}}}"
            eventually(lambda name=name, count=count: self.proxy.metrics().get(name) == count, name)


class Methods(GrpcScenario):
    def serve_counted(self, script, **keys):
        self.serve_calls(script, [{"name": "shop", "pool": "web", "grpc_metrics": True}], **keys)

    def counted(self, service, method, status):
        labels = f'route="shop",service="{service}",method="{method}",grpc_status="{status}"'
        return self.proxy.metrics().get(f"weir_grpc_requests_total{{{labels}}}", 0)

    def test_calls_are_counted_by_method_and_status(self):
        def script(connection, request):
            answers(0 if request["target"].endswith("Add") else 5)(connection, request)

        self.serve_counted(script, workers=2)
        for path in ("/shop.Cart/Add", "/shop.Cart/Add", "/shop.Cart/Get", "/no-method"):
            self.call(path)
        self.get()  # not a call
        eventually(lambda: self.counted("shop.Cart", "Add", 0) == 2, "two calls of one method")
        eventually(lambda: self.counted("shop.Cart", "Get", 5) == 1, "one of the other")
        eventually(lambda: self.counted("other", "other", 5) == 1, "one that names no method")
        self.proxy.reload(self.config.replace("pools:", "timeouts: {response: 5s}\npools:"))
        self.call()
        eventually(lambda: self.counted("shop.Cart", "Add", 0) == 3, "the count goes on over a reload")

    def test_failed_calls_are_counted_with_the_status_of_the_client(self):
        self.serve_counted(answers(0))
        self.call()
        self.seen.close()
        self.call()
        eventually(lambda: self.counted("shop.Cart", "Add", 14) == 1, "the method has a name by now")

    def test_strangers_cannot_use_up_the_names(self):
        self.serve_counted(answers(12))
        for number in range(5):
            self.call(f"/a/m{number}")
        eventually(lambda: self.counted("other", "other", 12) == 5, "they are counted together")
        names = [name for name in self.proxy.metrics() if name.startswith("weir_grpc_requests_total")]
        self.assertEqual(len(names), 1)

    def test_a_route_without_the_key_counts_no_methods(self):
        self.serve_calls(answers(0))
        self.call()
        self.assertFalse([name for name in self.proxy.metrics() if name.startswith("weir_grpc")])


if __name__ == "__main__":
    main()
