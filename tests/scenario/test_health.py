"""Health: backends that miss heartbeats go down, and come up again automatically."""
import datetime
import signal
import threading
import time

from support.scenario import WEIR, Scenario, can_connect, eventually, free_port, main, web

CHECK = "{type: %s, interval: 200ms, timeout: 200ms, fall: 15, rise: 2%s}"


class Checks(Scenario):
    def test_an_http_backend_is_ejected_and_returns(self):
        sick = []

        def script(connection, request):
            status = "503 Sick" if sick and request["target"] == "/healthz" else "200 OK"
            connection.sendall(f"HTTP/1.1 {status}\r\nX-Backend: two\r\nContent-Length: 0\r\n\r\n".encode())

        one, two, port = self.backend(name="one"), self.backend(script, name="two"), free_port()
        proxy = self.weir(web(port, [one, two], check=CHECK % ("http", ", path: /healthz, expect_status: [200]")))
        proxy.wait_up(2)
        sick.append(True)
        eventually(lambda: proxy.states() == ["up", "down"], "two is ejected")
        backend = proxy.backends()[two.address]
        eventually(lambda: proxy.backends()[two.address]["last_failure"] == "status 503", "that is why")
        self.assertGreaterEqual(backend["failures_in_a_row"], 3)
        client = self.client(port)
        self.assertEqual({client.get("/")["fields"]["x-backend"] for _ in range(10)}, {"one"})
        sick.clear()
        proxy.wait_up(2)
        self.assertEqual({client.get("/")["fields"]["x-backend"] for _ in range(10)}, {"one", "two"})
        metrics = proxy.metrics()
        self.assertEqual(metrics['weir_backend_ejections_total{pool="web",backend="%s"}' % two.address], 1)
        self.assertEqual(metrics['weir_backend_up{pool="web",backend="%s"}' % two.address], 1)

    def test_status_shows_result_time_and_duration_of_the_last_check(self):
        slow = threading.Event()

        def script(connection, request):
            if slow.is_set():
                time.sleep(0.05)
            connection.sendall(f"HTTP/1.1 {'503 Sick' if slow.is_set() else '204 Fine'}\r\n\r\n".encode())

        began = time.time()
        backend = self.backend(script)
        proxy = self.weir(web(free_port(), [backend], check=CHECK % ("http", "")))
        proxy.wait_up(1)

        def last_check():
            return proxy.backends()[backend.address].get("last_check", {})

        eventually(lambda: last_check().get("result") == "status 204", "the check passed")
        at = datetime.datetime.fromisoformat(last_check()["at"].replace("Z", "+00:00")).timestamp()
        self.assertGreaterEqual(at, int(began))
        self.assertLessEqual(at, time.time())
        up_since = proxy.backends()[backend.address]["since"]
        slow.set()
        eventually(lambda: last_check()["result"] == "status 503", "the check failed")
        self.assertGreaterEqual(last_check()["duration_ms"], 50)
        self.assertEqual(proxy.backends()[backend.address]["since"], up_since)  # it is still up
        backend.close()
        eventually(lambda: last_check()["result"].startswith("cannot connect"), "the check cannot connect")

    def test_tcp_checks_follow_the_port(self):
        one, two, port = self.backend(), self.backend(), free_port()
        proxy = self.weir(web(port, [one, two], check=CHECK % ("tcp", "")))
        proxy.wait_up(2)
        two.close()
        eventually(lambda: proxy.states() == ["up", "down"], "two is ejected")
        two.open()
        proxy.wait_up(2)

    def test_heartbeats_go_to_the_responder_beside_the_backend(self):
        backend, port, beat = self.backend(), free_port(), free_port()
        command = (WEIR, "heartbeat", "--listen", f"127.0.0.1:{beat}")
        responder = self.start(*command)
        eventually(lambda: can_connect(beat), "the responder listens")
        proxy = self.weir(web(port, [backend], check=CHECK % ("heartbeat", f", port: {beat}")))
        proxy.wait_up(1)
        responder.send_signal(signal.SIGSTOP)  # alive, but it does not answer
        eventually(lambda: proxy.states() == ["down"], "the backend is ejected")
        self.assertEqual(self.client(port).get("/")["status"], 503)
        responder.send_signal(signal.SIGCONT)
        proxy.wait_up(1)
        self.assertEqual(self.client(port).get("/")["status"], 200)

    def test_an_old_responder_that_closes_after_each_answer_will_do(self):
        asked = []

        def respond(connection):
            asked.append(connection.recv(100))
            connection.sendall(b"OK\r\n" if len(asked) % 2 else b"OK")

        responder = self.raw_backend(respond)
        proxy = self.weir(web(free_port(), [self.backend()], check=CHECK % ("heartbeat", f", port: {responder.port}")))
        proxy.wait_up(1)
        eventually(lambda: len(asked) > 5, "it is asked again and again")
        self.assertEqual(set(asked), {b"heartbeat"})
        self.assertEqual(proxy.states(), ["up"])

    def test_idle_connections_to_an_ejected_backend_are_closed(self):
        backend, port, beat = self.backend(), free_port(), free_port()
        responder = self.start(WEIR, "heartbeat", "--listen", f"127.0.0.1:{beat}")
        eventually(lambda: can_connect(beat), "the responder listens")
        proxy = self.weir(web(port, [backend], check=CHECK % ("heartbeat", f", port: {beat}")))
        proxy.wait_up(1)
        self.client(port).get("/")
        eventually(lambda: proxy.backends()[backend.address]["idle"] == 1, "it is kept")
        responder.kill()
        eventually(lambda: proxy.backends()[backend.address]["idle"] == 0, "the idle connection is closed")

    def test_a_backend_killed_under_load_costs_no_get(self):
        processes = [self.demo_backend(f"b{i}") for i in range(3)]
        port = free_port()
        proxy = self.weir(web(port, [f"127.0.0.1:{p}" for _, p in processes], check=CHECK % ("http", "")))
        proxy.wait_up(3)
        statuses, stop = [], threading.Event()

        def load():
            client = self.client(port)
            try:
                while not stop.is_set():
                    statuses.append(client.get("/")["status"])
            except Exception as problem:
                statuses.append(repr(problem))

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(statuses) > 200, "there is load")
        processes[1][0].kill()
        eventually(lambda: proxy.states().count("down") == 1, "the dead one is ejected")
        at = len(statuses)
        eventually(lambda: len(statuses) > at + 200, "the load goes on")
        self.demo_backend("b1", processes[1][1])
        proxy.wait_up(3)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(set(statuses), {200})


if __name__ == "__main__":
    main()
