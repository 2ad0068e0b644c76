"""HTTP health checks of backends that speak HTTP/2: pools with protocol http2 and auto."""
import os

from support import http2_frames as h2
from support.certificates import Authority
from support.http2_backend import Http2Backend, response
from support.scenario import Scenario, eventually, free_port, main, web
from support.tls_peers import TlsBackend

CHECK = {"type": "http", "path": "/healthz", "interval": "200ms", "fall": 2, "rise": 1}


class Http2Checks(Scenario):
    def scripted(self, answer):
        backend = Http2Backend(answer)
        self.addCleanup(backend.close)
        return backend

    def config(self, *backends, check=None, protocol="http2", tls=None):
        pool = {"protocol": protocol, **({"tls": tls} if tls else {})}
        return web(self.port, backends, {**CHECK, **(check or {})}, pool=pool)

    def watch(self, *backends, **keys):
        self.port = free_port()
        self.proxy = self.weir(self.config(*backends, **keys))

    def health(self):
        return next(iter(self.proxy.backends().values()))

    def wait_result(self, state, result):
        eventually(
            lambda: (found := self.health())["state"] == state and found["last_check"]["result"] == result,
            f"{state}: {result}",
        )


class PriorKnowledge(Http2Checks):
    def test_the_request_is_sent_as_configured(self):
        backend = self.scripted(lambda _: response(status=204))
        headers = {"X-Probe": "1", "User-Agent": "mine"}
        self.watch(backend, check={"method": "OPTIONS", "host": "shop.example.com", "headers": headers})
        self.wait_result("up", "status 204")
        expected = {
            ":method": "OPTIONS",
            ":scheme": "http",
            ":authority": "shop.example.com",
            ":path": "/healthz",
            "x-probe": "1",
            "user-agent": "mine",
            "body": b"",
            "ended": True,
        }
        self.assertEqual(backend.requests[0], expected)

    def test_the_status_and_the_body_decide(self):
        backend = self.scripted(lambda _: self.answer)
        self.answer = response(b"all is ready", status=503)
        self.watch(backend, check={"expect_body": "is ready"})
        self.wait_result("down", "status 503")
        self.answer = response(b"all is well")
        self.wait_result("down", "status 200, but the body does not contain expect_body")
        self.answer = response()
        self.wait_result("down", "status 200, but the body does not contain expect_body")
        begin = h2.headers(1, h2.block([(":status", "200")]), end=False)
        self.answer = begin + h2.data(1, b"all is re") + h2.data(1, b"ady")  # and more to come
        self.wait_result("up", "status 200")
        self.answer = begin + b"".join(h2.data(1, b"x" * 16_000) for _ in range(4)) + h2.data(1, b"y" * 2_000)
        self.wait_result("down", "status 200, but the first 64KiB of the body do not contain expect_body")
        self.answer = begin + h2.data(1, b"half") + h2.rst_stream(1, h2.INTERNAL_ERROR)
        self.wait_result("down", "status 200, but the connection failed within the body: RST_STREAM: INTERNAL_ERROR")

    def test_a_body_is_not_waited_for_if_no_text_is_expected(self):
        self.watch(self.scripted(lambda _: h2.headers(1, h2.block([(":status", "200")]), end=False)))
        self.wait_result("up", "status 200")

    def test_servers_that_do_not_speak_http2_are_down_with_the_reason(self):
        def talk(connection):
            connection.recv(1)
            connection.sendall(self.answer)
            if not self.answer:
                silent.closed.wait()

        silent = self.raw_backend(talk)
        self.answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
        self.watch(silent)
        self.wait_result("down", "no answer: the backend answers with HTTP/1.1, not with HTTP/2")
        self.answer = b"220 mail.example.com ESMTP\r\n"
        self.wait_result("down", "no answer: the backend does not speak HTTP/2: it does not begin with SETTINGS")
        self.answer = b""
        self.wait_result("down", "no answer within 200ms")

    def test_an_http1_server_is_down_with_the_reason(self):
        backend = self.backend()
        self.watch(backend)
        eventually(lambda: self.health()["state"] == "down", "it is down")
        self.assertIn("HTTP/2", self.health()["last_failure"])
        self.proxy.reload(self.config(backend, protocol="http1"))
        self.wait_result("up", "status 200")

    def test_a_responder_on_another_port_may_speak_http1(self):
        responder = self.backend()
        self.watch(f"127.0.0.1:{free_port()}", check={"port": responder.port})
        self.wait_result("up", "status 200")


class RealServers(Http2Checks):
    def nghttpd(self, *arguments):
        folder, port = self.folder(), free_port()
        with open(os.path.join(folder, "healthz"), "w") as f:
            f.write("ready")
        self.start("nghttpd", "-a", "127.0.0.1", "-d", folder, str(port), *arguments)
        return f"127.0.0.1:{port}"

    def test_nghttpd_is_checked_in_plain_text(self):
        address = self.nghttpd("--no-tls")
        self.watch(address, check={"expect_body": "ready"})
        self.wait_result("up", "status 200")
        self.proxy.reload(self.config(address, check={"path": "/none"}))
        self.wait_result("down", "status 404")

    def test_nghttpd_is_checked_over_tls(self):
        authority = Authority(self.folder())
        pair = authority.issue("app.example")
        address = self.nghttpd(pair["key"], pair["cert"])
        tls = {"ca": authority.root, "server_name": "app.example"}
        self.watch(address, check={"expect_body": "ready"}, tls=tls)
        self.wait_result("up", "status 200")


class Negotiation(Http2Checks):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder())
        self.tls = {"ca": self.authority.root, "server_name": "app.example"}

    def secure(self, *alpn, **keys):
        backend = TlsBackend(self.authority.issue("app.example"), alpn=alpn, **keys)
        self.addCleanup(backend.close)
        return backend

    def speaking_http2(self, *alpn):
        scripted = self.scripted(lambda _: response())
        return self.secure(*alpn, talk=scripted.serve), scripted

    def test_auto_speaks_the_version_that_the_backend_selects(self):
        new, scripted = self.speaking_http2("h2")
        old = self.secure("http/1.1")
        none = self.secure()
        self.watch(new, old, none, tls=self.tls, protocol="auto")
        self.proxy.wait_up(3)
        self.assertEqual([b.handshakes[0]["alpn"] for b in (new, old, none)], ["h2", "http/1.1", None])
        self.assertEqual(scripted.requests[0][":scheme"], "https")
        self.assertEqual(scripted.requests[0][":authority"], "app.example")

    def test_http2_needs_a_backend_that_selects_it(self):
        backend = self.secure()
        self.watch(backend, tls=self.tls)
        self.wait_result("down", "no answer: the backend does not speak HTTP/2: it did not select h2 by ALPN")

    def test_a_backend_that_refuses_h2_in_its_handshake_is_down(self):
        self.watch(self.secure("http/1.1"), tls=self.tls)
        eventually(lambda: self.health()["state"] == "down", "it is down")
        self.assertIn("ALPN", self.health()["last_failure"])

    def test_a_responder_with_tls_on_another_port_selects_its_version(self):
        responder = self.secure("http/1.1")
        self.watch(f"127.0.0.1:{free_port()}", check={"port": responder.port}, tls=self.tls)
        self.wait_result("up", "status 200")

    def test_a_check_follows_the_protocol_of_its_pool(self):
        backend, scripted = self.speaking_http2("h2", "http/1.1")
        self.watch(backend, tls=self.tls)
        self.wait_result("up", "status 200")
        self.assertEqual(backend.handshakes[-1]["alpn"], "h2")
        self.proxy.reload(self.config(backend, tls=self.tls, protocol="http1"))
        eventually(lambda: backend.handshakes[-1]["alpn"] == "http/1.1", "HTTP/1.1 is offered alone")
        self.assertEqual({r[":path"] for r in scripted.requests}, {"/healthz"})


if __name__ == "__main__":
    main()
