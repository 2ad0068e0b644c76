"""HTTP/2 backends that die, hang, never answer, or do not speak HTTP/2."""
import socket

from support import http2_frames as h2
from support.http2_backend_scenario import Http2BackendScenario, hold, limited
from support.http2_link import Http2Link
from support.peers import Backend, RawBackend
from support.scenario import eventually, free_port, main


class Plain(RawBackend):
    """Answers every connection with these bytes, in its own time."""

    def __init__(self, answer, **keys):
        self.answer = answer
        super().__init__(**keys)

    def entry(self, **keys):
        return {"name": "plain", "address": self.address, **keys}

    def serve(self, connection):
        connection.recv(10)
        connection.sendall(self.answer)
        while connection.recv(65536):
            pass


class NoHttp2(Http2BackendScenario):
    def plain(self, answer):
        backend = Plain(answer)
        self.addCleanup(backend.close)
        return backend

    def test_a_backend_that_speaks_http_1_1_is_a_clear_failure(self):
        for answer in (
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            b"<html>no</html>\r\n" * 10,
        ):
            with self.subTest(answer=answer):
                self.serve_behind(self.plain(answer))
                for method in ("GET", "POST"):
                    self.assertEqual(self.answer(method=method)["status"], 502)
                self.proxy.wait_logged("request failed: backend_http2_failed: .*HTTP/2")

    def test_a_real_server_of_http_1_1_gets_no_request(self):
        backend = Backend()
        self.addCleanup(backend.close)
        self.serve_behind(backend)
        for method in ("GET", "POST"):
            self.assertIn(self.answer(method=method)["status"], (502, 504))
        self.assertEqual(backend.requests, [])

    def test_another_backend_is_tried(self):
        self.serve_behind(self.plain(b"HTTP/1.1 400 Bad Request\r\n\r\n"), self.http2_backend(name="good"))
        for method in ("GET", "POST") * 3:
            self.assertEqual(self.answer(method=method)["fields"]["x-backend"], "good")

    def test_a_backend_that_says_nothing_fails_in_time(self):
        seen = self.http2_backend(greet=lambda link: None)
        self.serve_behind(seen, more="timeouts: {connect: 500ms}\n")
        clients = [self.ask(f"/{number}") for number in range(5)]
        statuses = {client.reader.response()["status"] for client in clients}
        self.assertIn(statuses, ({502}, {504}))  # the same cause has the same status
        self.assertEqual({self.answer(method="POST")["status"]}, statuses)
        self.proxy.wait_logged("request failed: .*SETTINGS")
        self.assertEqual(seen.calls, [])

    def test_another_backend_takes_the_requests_of_a_silent_one(self):
        silent, good = self.http2_backend(greet=lambda link: None, name="silent"), self.http2_backend(name="good")
        self.serve_behind(silent, good, more="timeouts: {connect: 500ms}\n")
        for method in ("GET", "POST") * 3:
            self.assertEqual(self.answer(method=method)["fields"]["x-backend"], "good")

    def test_a_backend_that_closes_at_once_fails(self):
        for greet in (lambda link: link.close(), lambda link: link.kill()):
            seen = self.http2_backend(greet=greet)
            self.serve_behind(seen)
            for method in ("GET", "POST"):
                self.assertEqual(self.answer(method=method)["status"], 502)
            self.assertLess(len(seen.links), 20)

    def test_nobody_listens(self):
        seen = self.http2_backend()
        seen.close()
        good = self.http2_backend(name="good")
        self.serve_behind(seen)
        clients = [self.ask(f"/{number}") for number in range(10)]
        self.assertEqual({client.reader.response()["status"] for client in clients}, {502})
        self.assertEqual(self.proxy.reload(self.config_of(seen, good))["verdict"], "applied")
        for method in ("GET", "POST") * 3:
            self.assertEqual(self.answer(method=method)["fields"]["x-backend"], "good")


class DeadConnections(Http2BackendScenario):
    def each_way(self, check):
        """Runs check(end), where `end` ends a connection with FIN or with a TCP reset."""
        for way in (Http2Link.close, Http2Link.kill):
            with self.subTest(way=way.__name__):
                self.seen = self.http2_backend(hold)
                self.serve_behind(self.seen)
                check(way)

    def test_gets_are_retried_and_posts_fail(self):
        for way in (Http2Link.close, Http2Link.kill):
            with self.subTest(way=way.__name__):
                backends = [self.http2_backend(hold, name=name) for name in ("one", "two")]
                self.serve_behind(*backends)
                gets = [self.ask(f"/{number}") for number in range(20)]
                posts = [self.ask(f"/post{number}", method="POST") for number in range(20)]
                eventually(lambda: sum(len(one.calls) for one in backends) == 40, "all have come")
                dies, lives = backends
                failing = sum(call.method == "POST" for call in dies.calls)
                dies.script, lives.script = dies.echo, lives.echo
                way(dies.links[0])
                for call in list(lives.calls):
                    lives.echo(call)
                self.assertEqual({client.reader.response()["status"] for client in gets}, {200})
                statuses = [client.reader.response()["status"] for client in posts]
                self.assertEqual(statuses.count(502), failing)

    def test_responses_that_have_begun_are_cut_off(self):
        def check(end):
            first, other = self.ask("/length"), self.connect()
            view = other.request(path="/none")
            for call in self.seen.wait_calls(2):
                call.begin(more=[("content-length", "100")] if call.path == "/length" else [])
                call.write(b"half")
            first.reader.head()
            self.assertEqual(first.reader.exactly(4), b"half")
            other.wait(lambda: bytes(view.body) == b"half", "it has begun")
            end(self.seen.links[0])
            self.assertEqual(first.rest(), b"")
            other.wait(lambda: view.over, "it is broken off")
            self.assertNotIn(view.reset, (None, h2.NO_ERROR))
            self.assertEqual(len(self.seen.calls), 2)

        self.each_way(check)

    def test_an_idle_connection_that_has_died_costs_nothing(self):
        def check(end):
            self.seen.script = self.seen.echo
            for count in range(1, 5):
                self.assertEqual(self.answer(method="POST")["status"], 200)
                end(self.seen.links[-1])
                eventually(lambda: not self.seen.open_links(), "it has died")
                self.assertEqual(len(self.seen.links), count)
                eventually(lambda: not self.sockets_to_backend(), "weir has seen it")

        self.each_way(check)

    def test_a_get_on_a_connection_that_is_being_closed_is_sent_again(self):
        """The backend is the only one."""

        def check(end):
            self.seen.script = lambda call: end(call.link) if len(self.seen.calls) == 2 else self.seen.echo(call)
            self.assertEqual(self.answer("/first")["status"], 200)
            self.assertEqual(self.answer("/again")["status"], 200)
            self.assertEqual(self.seen.paths(), ["/first", "/again", "/again"])

        self.each_way(check)

    def sockets_to_backend(self):
        with open("/proc/net/tcp") as f:
            lines = [line.split() for line in f.readlines()[1:]]
        port = f"{self.seen.port:04X}"
        return [line for line in lines if line[2].endswith(":" + port) and line[3] in ("01", "08")]

    def test_other_connections_are_not_touched(self):
        self.seen = self.http2_backend(hold, settings=limited(1))
        self.serve_behind(self.seen)
        kept = self.ask("/kept")
        self.seen.wait_calls(1)
        gone = self.ask("/gone", method="POST")
        self.seen.wait_calls(2)
        self.seen.links[1].kill()
        self.assertEqual(gone.reader.response()["status"], 502)
        self.seen.calls[0].respond(b"kept")
        self.assertEqual(kept.reader.response()["body"], b"kept")

    def test_a_backend_that_returns_is_used(self):
        self.seen = self.http2_backend()
        self.serve_behind(self.seen)
        for _ in range(3):
            self.assertEqual(self.answer()["status"], 200)
            self.seen.close()
            self.assertEqual(self.answer()["status"], 502)
            self.seen.open()

    def test_an_upload_does_not_look_whole_when_its_client_breaks_off(self):
        self.seen = self.http2_backend(hold)
        self.serve_behind(self.seen)
        for way, part in (("chunks", b"4\r\npart\r\n"), ("length", b"part")):
            extra = "Transfer-Encoding: chunked\r\n" if way == "chunks" else "Content-Length: 100\r\n"
            client = self.ask("/" + way, extra, "POST").send(part)
            eventually(lambda w=way: self.seen.calls and self.seen.calls[-1].path == "/" + w, "it has come")
            client.sock.shutdown(socket.SHUT_RDWR)
            call = self.seen.calls[-1]
            eventually(lambda c=call: c.reset is not None, "the stream is reset")
            self.assertFalse(call.ended)


class Hanging(Http2BackendScenario):
    def test_a_stream_without_an_answer_times_out_alone(self):
        seen = self.http2_backend(lambda call: call.path == "/hangs" or seen.echo(call))
        self.serve_behind(seen, more="timeouts: {response: 700ms}\n")
        hangs = self.ask("/hangs", method="POST")
        eventually(lambda: seen.calls, "it has come")
        self.assert_healthy()
        self.assertEqual(hangs.reader.response()["status"], 504)
        eventually(lambda: seen.calls[0].reset is not None, "the stream is reset")
        self.assertEqual(seen.calls[0].reset, h2.CANCEL)
        self.assert_healthy()
        self.assertEqual(len(seen.links), 1)

    def test_a_response_that_stalls_times_out_alone(self):
        def script(call):
            if call.path != "/stalls":
                return seen.echo(call)
            call.begin(more=[("content-length", "100")])
            call.write(b"half")

        seen = self.http2_backend(script)
        self.serve_behind(seen, more="timeouts: {stream_idle: 700ms}\n")
        client = self.ask("/stalls")
        client.reader.head()
        self.assertEqual(client.rest(), b"half")
        eventually(lambda: seen.calls[0].reset == h2.CANCEL, "the stream is reset")
        self.assert_healthy()
        self.assertEqual(len(seen.links), 1)

    def test_a_connection_that_hangs_does_not_hang_clients(self):
        """The backend reads nothing and says nothing any more."""
        seen = self.http2_backend()
        self.serve_behind(seen, more="timeouts: {response: 700ms, client_idle: 2s}\n")
        self.assertEqual(self.answer()["status"], 200)
        seen.links[0].set_reading(False)
        clients = [self.ask(f"/{number}", method="POST") for number in range(5)]
        self.assertEqual({client.reader.response()["status"] for client in clients}, {504})
        large = self.ask(extra="Content-Length: 50000000\r\n", method="POST")
        with_room = self.http2_backend(name="other")
        self.assertEqual(self.proxy.reload(self.config_of(with_room))["verdict"], "applied")
        self.assertEqual(self.answer()["fields"]["x-backend"], "other")
        large.close()

    def test_pings_are_answered_and_not_passed_on(self):
        """envoy#2086, grpc#9902"""
        seen = self.http2_backend(hold)
        self.serve_behind(seen)
        client = self.connect()
        view = client.request()
        (call,) = seen.wait_calls(1)
        for number in range(10):
            call.link.ping(b"%08d" % number)
        client.ping()
        call.respond(b"ok")
        self.assertEqual(bytes(client.finish(view).body), b"ok")
        call.link.ping(b"idle too")
        self.assertEqual(call.link.pings, [])

    def test_a_backend_of_another_address_family(self):
        seen = self.http2_backend(host="::1", port=free_port())
        self.serve_behind(seen)
        self.assert_healthy()

    def test_a_backend_on_a_unix_socket(self):
        seen = self.http2_backend(path=f"{self.folder()}/socket")
        self.serve_behind(seen)
        self.assert_healthy()
        self.assertEqual(len(seen.links), 1)


if __name__ == "__main__":
    main()
