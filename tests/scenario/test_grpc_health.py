"""Health checks of gRPC servers: grpc.health.v1, asked over HTTP/2."""
from support import http2_frames as h2
from support.certificates import Authority
from support.grpc_peers import NOT_SERVING, SERVICE_UNKNOWN, SERVING, UNKNOWN, GrpcServer, HealthServer, grpc
from support.http2_backend import Http2Backend
from support.scenario import Scenario, eventually, free_port, main, web

CHECK = {"type": "grpc", "interval": "200ms", "fall": 2, "rise": 2}


class GrpcChecks(Scenario):
    def server(self, kind=HealthServer, *args, **kwargs):
        server = kind(*args, **kwargs)
        self.addCleanup(server.close)
        return server

    def watch(self, *backends, check=None, pool=None):
        check = {**CHECK, **(check or {})}
        self.port = free_port()
        self.proxy = self.weir(web(self.port, backends, check, pool={"protocol": "http2", **(pool or {})}))

    def health(self):
        return next(iter(self.proxy.backends().values()))

    def wait_result(self, state, result):
        eventually(
            lambda: (found := self.health())["state"] == state and found["last_check"]["result"] == result,
            f"{state}: {result}",
        )


class RealServers(GrpcChecks):
    def test_a_backend_that_stops_serving_is_out_until_it_serves_again(self):
        sick, fine = self.server(), self.server()
        backends = [{"name": "sick", "address": sick.address}, {"name": "fine", "address": fine.address}]
        self.watch(*backends, check={"interval": "1s"})
        self.proxy.wait_up(2)
        sick.status[""] = NOT_SERVING
        eventually(lambda: self.proxy.states() == ["down", "up"], "it is out")
        one = self.proxy.backends()["sick"]
        self.assertEqual((one["last_failure"], one["ejections"]), ("NOT_SERVING", 1))
        name = '{pool="web",backend="sick"}'
        metrics = self.proxy.metrics()
        self.assertEqual(metrics[f"weir_backend_up{name}"], 0)
        self.assertGreaterEqual(metrics[f"weir_backend_failed_checks_total{name}"], 2)
        _, shown, _ = self.proxy.command("status", "-c", self.proxy.path)
        self.assertIn("NOT_SERVING", shown)
        sick.status[""] = SERVING
        self.proxy.wait_up(2)
        self.assertEqual(self.proxy.metrics()[f"weir_backend_up{name}"], 1)
        self.assertEqual(self.proxy.backends()["fine"]["failed_checks"], 0)

    def test_a_check_asks_for_its_service_with_a_deadline(self):
        server = self.server(status={"shop.v1.Orders": SERVING})
        self.watch(server, check={"service": "shop.v1.Orders", "interval": "2s", "timeout": "1500ms"})
        self.proxy.wait_up(1)
        call = server.calls[0]
        self.assertEqual(call["service"], "shop.v1.Orders")
        self.assertLessEqual(call["left"], 1.5)
        self.assertGreater(call["left"], 0)
        self.assertEqual(call["metadata"]["user-agent"], "weir-health")

    def test_each_status_but_serving_fails_with_its_name(self):
        server = self.server()
        self.watch(server)
        for status, name in (
            (NOT_SERVING, "NOT_SERVING"),
            (UNKNOWN, "UNKNOWN"),
            (SERVICE_UNKNOWN, "SERVICE_UNKNOWN"),
            (9, "status 9"),
        ):
            server.status[""] = status
            self.wait_result("down", name)
        server.status[""] = SERVING
        self.wait_result("up", "SERVING")

    def test_a_call_that_fails_shows_its_grpc_status(self):
        server = self.server(status={"other": SERVING})
        self.watch(server)
        self.wait_result("down", "grpc-status 5 NOT_FOUND: the server does not know the service")
        server.details = (grpc.StatusCode.UNAVAILABLE, "loading 50% of the model")
        self.wait_result("down", "grpc-status 14 UNAVAILABLE: loading 50% of the model")

    def test_a_server_without_a_health_service_is_down_and_says_so(self):
        self.watch(self.server(GrpcServer, {}))
        self.wait_result("down", "grpc-status 12 UNIMPLEMENTED: the server has no health service")

    def test_a_server_with_tls_is_asked_over_tls(self):
        authority = Authority(self.folder())
        server = self.server(pair=authority.issue("app.example"))
        tls = {"ca": authority.root, "server_name": "app.example"}
        self.watch(server, pool={"tls": tls})
        self.wait_result("up", "SERVING")
        self.proxy.reload(web(self.port, [server], CHECK, pool={"protocol": "http2"}))
        eventually(lambda: self.health()["state"] == "down", "in plain text it is down")
        self.proxy.reload(web(self.port, [server], {**CHECK, "type": "http"}, pool={"protocol": "auto", "tls": tls}))
        eventually(lambda: self.health()["last_check"]["result"] == "status 200", "a GET over HTTP/2 is answered")

    def test_a_pool_of_http1_or_tcp_may_be_checked_by_grpc(self):
        server = self.server()
        self.port = free_port()
        self.proxy = self.weir(web(self.port, [server], CHECK, listener={"protocol": "tcp"}))
        self.wait_result("up", "SERVING")

    def test_a_port_of_its_own_is_asked(self):
        health = self.server()
        self.watch(f"127.0.0.1:{free_port()}", check={"port": health.port})
        self.wait_result("up", "SERVING")


class ScriptedServers(GrpcChecks):
    HEAD = h2.block([(":status", "200"), ("content-type", "application/grpc")])
    FINE = h2.headers(1, h2.block([("grpc-status", "0")]), end=True)
    MESSAGE = b"\0\0\0\0\2\x08\1"

    def test_the_call_is_what_grpc_defines(self):
        answer = h2.headers(1, self.HEAD, end=False) + h2.data(1, self.MESSAGE) + self.FINE
        backend = Http2Backend(lambda _: answer)
        self.addCleanup(backend.close)
        self.watch(backend, check={"service": "shop", "host": "shop.example.com", "timeout": "150ms"})
        self.wait_result("up", "SERVING")
        call = backend.requests[0]
        self.assertEqual(call["body"], b"\0\0\0\0\x06\x0a\x04shop")
        self.assertFalse(call["ended"])
        expected = {
            ":method": "POST",
            ":scheme": "http",
            ":authority": "shop.example.com",
            ":path": "/grpc.health.v1.Health/Check",
            "te": "trailers",
            "content-type": "application/grpc",
            "grpc-timeout": "150m",
            "user-agent": "weir-health",
        }
        self.assertEqual({name: call[name] for name in expected}, expected)

    def test_answers_that_break_the_rules_are_failures_with_a_reason(self):
        def failing(kind, reason):
            self.answer = kind
            self.wait_result("down", reason)

        begin = h2.headers(1, self.HEAD, end=False)
        self.answer = begin + b"".join(h2.data(1, bytes([b])) for b in self.MESSAGE) + self.FINE
        backend = Http2Backend(lambda _: self.answer)
        self.addCleanup(backend.close)
        self.watch(backend)
        self.wait_result("up", "SERVING")  # from a message in many frames
        failing(h2.goaway(0, h2.ENHANCE_YOUR_CALM), "GOAWAY: ENHANCE_YOUR_CALM")
        failing(h2.rst_stream(1, h2.REFUSED_STREAM), "RST_STREAM: REFUSED_STREAM")
        failing(begin + h2.data(1, b"\1" + self.MESSAGE[1:]) + self.FINE,
                "the message is compressed, which weir has not asked for")  # fmt: skip
        failing(begin + h2.data(1, self.MESSAGE, end=True), "the response has no grpc-status")
        failing(begin + h2.data(1, self.MESSAGE), "no answer within 200ms")
        failing(h2.headers(1, h2.block([(":status", "502")])), "status 502")
        failing(begin + b"garbage" * 10, "malformed: FRAME_SIZE_ERROR (too large frame size)")
        self.answer = begin + h2.data(1, self.MESSAGE) + self.FINE
        self.wait_result("up", "SERVING")


if __name__ == "__main__":
    main()
