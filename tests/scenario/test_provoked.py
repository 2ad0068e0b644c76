"""Errors that a client can provoke neither eject a backend nor cause a rollback."""
import socket
import threading

from support.scenario import Client, Scenario, eventually, free_port, main, web

EJECTION = {"outlier_ejection": {"consecutive_errors": 3, "base_time": "1h", "max_ejected": "100%"}}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Provoked(Scenario):
    def serve(self, script, more="", workers=1):
        self.port = free_port()
        self.behind = self.backend(script)
        self.proxy = self.weir(web(self.port, [self.behind], more=more, pool=EJECTION), workers=workers)

    def ask(self, data, count=1):
        statuses = []
        for _ in range(count):
            with Client(self.port) as client:
                answer = client.send(data).reader.response(data.split(" ")[0])
                statuses.append(answer and answer["status"])
        return statuses

    def counted(self):
        """Returns the errors that count against the backend in a canary window, and the backends' states."""
        metrics = self.proxy.metrics()
        return metrics['weir_backend_errors_total{pool="web",backend="%s"}' % self.behind.address], self.proxy.states()

    def test_statuses_that_a_request_can_ask_for_do_not_eject(self):
        self.serve(lambda c, r: c.sendall(f"HTTP/1.1 {r['target'][1:]} Status\r\nContent-Length: 0\r\n\r\n".encode()))
        for status, errors in ((501, 0), (505, 0), (500, 10), (599, 20)):
            self.assertEqual(self.ask(f"GET /{status} HTTP/1.1\r\nHost: a\r\n\r\n", 10), [status] * 10)
            # A request is counted once it is over, which may be after its client has the response.
            eventually(lambda e=errors: self.counted() == (e, ["up"]), f"the errors are counted, {status}")
        self.ask("GET /503 HTTP/1.1\r\nHost: a\r\n\r\n", 3)
        eventually(lambda: self.proxy.states() == ["ejected"], "what says that a server cannot serve ejects")

    def test_posts_that_are_lost_on_kept_connections_do_not_eject(self):
        gate, served = threading.Barrier(6), []

        def script(connection, request):
            if request["method"] == "POST" and connection in served:
                connection.shutdown(socket.SHUT_RDWR)
                raise OSError("closed when the request came")
            served.append(connection)
            if request["method"] == "GET":
                gate.wait(30)
            connection.sendall(OK)

        self.serve(script)
        askers = [threading.Thread(target=self.ask, args=("GET / HTTP/1.1\r\nHost: a\r\n\r\n",)) for _ in range(6)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        eventually(lambda: self.proxy.backends()[self.behind.address]["idle"] == 6, "six connections are kept")
        self.assertEqual(self.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", 6), [502] * 6)
        self.assertEqual(self.counted(), (0, ["up"]))
        self.assertEqual(self.proxy.backends()[self.behind.address]["failures"], 6)  # they still count as failures

    def test_redirects_that_repeat_a_long_target_do_not_eject(self):
        self.serve(lambda c, r: c.sendall(f"HTTP/1.1 302 Found\r\nLocation: {r['target'] * 3}\r\n\r\n".encode()))
        request = f"GET /{'a' * 8000} HTTP/1.1\r\nHost: a\r\n\r\n"
        self.assertEqual(self.ask(request, 6), [502] * 6)
        self.assertEqual(self.counted(), (6, ["up"]))  # so a lowered limit is still rolled back

    def test_event_streams_that_are_silent_do_not_eject(self):
        def stream(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            while connection.recv(65536):
                pass

        self.serve(stream, more="timeouts: {stream_idle: 1s}")
        clients = [self.client(self.port).send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(6)]
        for client in clients:
            client.rest()
        eventually(lambda: self.counted() == (6, ["up"]), "all streams are cut")

    def serve_raw(self, answer):
        """Uses a backend that reads what was sent, answers with these bytes and closes."""

        def serve(connection):
            received = b""
            while not received.endswith(b"but these" if b"Content-Length" in received else b"\r\n\r\n"):
                received += connection.recv(65536)
            connection.sendall(answer)

        self.port, address = free_port(), self.raw_backend(serve).address
        self.proxy = self.weir(web(self.port, [address], pool=EJECTION))

    def test_uploads_that_stall_until_the_backend_closes_do_not_eject(self):
        self.serve_raw(b"")
        self.assertEqual(self.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbut these", 6), [502] * 6)
        self.assertEqual(self.proxy.states(), ["up"])
        self.ask("POST / HTTP/1.1\r\nHost: a\r\n\r\n", 3)
        eventually(lambda: self.proxy.states() == ["ejected"], "a request that was sent whole is owed an answer")

    def test_gateway_statuses_in_answer_to_half_an_upload_do_not_eject(self):
        self.serve_raw(b"HTTP/1.1 504 Upload\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.assertEqual(self.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbut these", 6), [504] * 6)
        key = 'weir_requests_total{listener="web",pool="web",route="",code="504"}'
        eventually(lambda: self.proxy.metrics().get(key) == 6, "all are counted")
        self.assertEqual(self.proxy.states(), ["up"])

    def test_an_upload_that_stalls_for_too_long_is_the_clients_own_fault(self):
        self.serve(lambda c, r: c.sendall(OK), more="timeouts: {client_idle: 1s}")
        self.assertEqual(self.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbut these", 4), [408] * 4)
        self.assertEqual(self.counted(), (0, ["up"]))


if __name__ == "__main__":
    main()
