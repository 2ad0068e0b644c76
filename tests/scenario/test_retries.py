"""Retries: when a request is tried again, on which backend, and how often."""
import socket
import threading
import time

from support.scenario import Backend, Client, Scenario, free_port, web, main


class Retries(Scenario):
    def test_connecting_that_takes_too_long_is_tried_elsewhere_or_504(self):
        port, good = free_port(), self.backend()
        full = socket.socket()  # a backend whose backlog is full: the kernel drops new connections
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        self.addCleanup(full.close)
        stuck = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
            stuck.append(sock)
            self.addCleanup(sock.close)
        hung = f"127.0.0.1:{full.getsockname()[1]}"
        proxy = self.weir(web(port, [hung, good], more="timeouts: {connect: 300ms}"), workers=1)
        client = self.client(port)
        for method in ("GET", "POST"):
            self.assertEqual(client.get("/", method=method)["status"], 200)
        self.assertEqual(proxy.metrics()["weir_retries_total"], 1)  # and then it is avoided for a while
        port = free_port()
        self.weir(web(port, [hung], more="timeouts: {connect: 300ms}"), workers=1)
        self.assertEqual(self.client(port).get("/")["status"], 504)

    def test_attempts_are_limited_and_no_backend_is_tried_twice(self):
        port = free_port()
        rude = [
            self.backend(lambda connection, _: connection.shutdown(socket.SHUT_RDWR), name=f"r{i}") for i in range(4)
        ]
        for attempts, asked in ((1, 1), (3, 3), (16, 4)):
            proxy = self.weir(web(port, rude, more=f"retries: {{attempts: {attempts}}}"), workers=1)
            before = [len(b.requests) for b in rude]
            self.assertEqual(self.client(port).get("/")["status"], 502)
            counts = [len(b.requests) - n for b, n in zip(rude, before)]
            self.assertEqual((sum(counts), max(counts)), (asked, 1))
            self.assertEqual(proxy.metrics()["weir_retries_total"], asked - 1)
            proxy.stop()

    def test_the_budget_bounds_retries_and_the_metrics_show_it(self):
        port = free_port()
        rude = [
            self.backend(lambda connection, _: connection.shutdown(socket.SHUT_RDWR), name=f"r{i}") for i in range(2)
        ]
        proxy = self.weir(web(port, rude, more="retries: {attempts: 2, budget: 10%}"), workers=1)
        client = self.client(port)
        begin = time.monotonic()
        for _ in range(300):
            self.assertEqual(client.get("/")["status"], 502)
        metrics = proxy.metrics()
        windows = 1 + int((time.monotonic() - begin) // 9)
        # The budget allows 100 retries in ten seconds, and one more for every ten requests.
        self.assertLessEqual(100, metrics["weir_retries_total"])
        self.assertLessEqual(metrics["weir_retries_total"], 100 * windows + 30)
        self.assertEqual(metrics["weir_retries_total"] + metrics["weir_retries_refused_total"], 300)
        self.assertEqual(sum(len(b.requests) for b in rude), 300 + metrics["weir_retries_total"])

    def test_a_retry_after_a_reload_goes_to_the_new_backends(self):
        port, gone, new = free_port(), self.backend(name="gone"), self.backend(name="new")
        asked, go_on = threading.Event(), threading.Event()

        def hold(connection, _):
            asked.set()
            go_on.wait(30)
            connection.shutdown(socket.SHUT_RDWR)

        slow = self.backend(hold, name="slow")

        def config(backends):
            return web(port, [backend.entry(weight=weight) for backend, weight in backends])

        proxy = self.weir(config([(slow, 2), (gone, 1)]), workers=1)
        client = self.client(port).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(asked.wait(30))
        self.assertEqual(proxy.reload(config([(slow, 2), (new, 1)]))["verdict"], "applied")
        go_on.set()
        self.assertEqual(client.reader.response()["fields"]["x-backend"], "new")
        self.assertEqual((gone.requests, len(new.requests)), ([], 1))

    def test_nothing_is_tried_again_once_a_byte_of_the_answer_is_out(self):
        port, good = free_port(), self.backend()
        half = self.backend(
            lambda connection, _: (
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
                connection.shutdown(socket.SHUT_RDWR),
            )
        )
        proxy = self.weir(web(port, [half, good]), workers=1)
        answers = []
        for _ in range(2):
            with Client(port) as client:
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                answers.append(client.rest() if len(answers) == 0 else client.reader.response()["body"])
        self.assertTrue(answers[0].endswith(b"\r\n\r\nhalf") or answers[0] == b"", answers)
        self.assertEqual((proxy.metrics()["weir_retries_total"], len(half.requests), len(good.requests)), (0, 1, 1))

    def test_a_kept_connection_found_dead_costs_a_post_502_and_a_get_nothing(self):
        port = free_port()

        class Deaf(Backend):
            """Closes a connection when its second request begins, which weir cannot foresee."""

            def serve(self, connection):
                count = 0

                def script(conn, request):
                    nonlocal count
                    count += 1
                    if count > 1:
                        raise OSError("closed")
                    self.echo(conn, request)

                self.script = script
                super().serve(connection)

        backend = Deaf()
        self.addCleanup(backend.close)
        self.weir(web(port, [backend]), workers=1)
        client = self.client(port)
        self.assertEqual(client.get("/")["status"], 200)
        self.assertEqual(client.get("/", method="POST")["status"], 502)
        self.assertEqual(client.get("/")["status"], 200)
        self.assertEqual(client.get("/")["status"], 200)
        self.assertEqual([r["method"] for r in backend.requests], ["GET", "POST", "GET", "GET", "GET"])


if __name__ == "__main__":
    main()
