"""Outlier detection from live traffic: ejection for errors, return on trial, panic, and slow start."""
import socket
import time

from support.scenario import Client, Scenario, eventually, free_port, main, web


RULES = {"consecutive_errors": 3, "base_time": "2500ms", "max_ejected": "50%"}


class Outliers(Scenario):
    """Backends whose probes are fine, or that have none."""

    def serve(self, count=3, rules=None, check=None, pool=None, **kwargs):
        self.port, self.sick, self.sick_status = free_port(), set(), "503 Sick"
        self.behind = [self.backend(self.script(f"b{i}"), name=f"b{i}") for i in range(count)]
        pool = {"outlier_ejection": rules or RULES, **(pool or {})}
        self.proxy = self.weir(web(self.port, [b.entry() for b in self.behind], check, pool=pool), **kwargs)

    def script(self, name):
        def answer(connection, request):
            status = self.sick_status if name in self.sick else "200 OK"
            connection.sendall(f"HTTP/1.1 {status}\r\nX-Backend: {name}\r\nContent-Length: 0\r\n\r\n".encode())

        return answer

    def ask(self, count=1, method="GET"):
        with Client(self.port) as client:
            return [client.get("/", method=method) for _ in range(count)]

    def ask_until_errors(self, count):
        """Asks until there are `count` errors. The verdict follows a moment later, so it sends nothing more."""
        asked = 0
        while count > 0:
            count -= self.ask()[0]["status"] == 503
            asked += 1
            self.assertLess(asked, 100)

    def state(self, name):
        return self.proxy.backends()[name]["state"]

    def test_errors_in_a_row_eject_and_an_error_on_trial_ejects_for_longer(self):
        self.serve()
        self.sick.add("b1")
        self.ask_until_errors(3)
        eventually(lambda: self.state("b1") == "ejected", "that is what it took")
        self.assertEqual({a["status"] for a in self.ask(9)}, {200})
        self.proxy.wait_logged("backend web/b1 fails live requests: ejected for 2500ms")
        eventually(lambda: self.state("b1") == "up", "it is back on trial")
        self.ask_until_errors(1)
        eventually(lambda: "backend web/b1 fails live requests: ejected for 5s" in self.proxy.log(), "one was enough")
        self.sick.clear()
        eventually(lambda: self.state("b1") == "up", "it is back")
        self.assertEqual({a["fields"]["x-backend"] for a in self.ask(30)}, {"b0", "b1", "b2"})
        self.assertEqual(self.state("b1"), "up")
        self.assertEqual(self.proxy.backends()["b1"]["outlier_ejections"], 2)
        metrics = self.proxy.metrics()
        self.assertEqual(metrics['weir_backend_outlier_ejections_total{pool="web",backend="b1"}'], 2)

    def test_status_shows_since_when_a_backend_is_ejected(self):
        self.serve(rules={"consecutive_errors": 3, "base_time": "1h", "max_ejected": "50%"})
        healthy_since, since = (self.proxy.backends()[name]["since"] for name in ("b0", "b1"))
        eventually(lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) > since, "the next second")
        self.sick.add("b1")
        self.ask_until_errors(3)
        eventually(lambda: self.state("b1") == "ejected", "it is ejected")
        self.assertGreater(self.proxy.backends()["b1"]["since"], since)
        self.assertEqual(self.proxy.backends()["b0"]["since"], healthy_since)

    def test_a_success_resets_the_count_of_errors(self):
        self.serve(count=2, rules={"consecutive_errors": 3, "max_ejected": "100%"}, workers=1)
        for _ in range(5):
            self.sick.add("b1")
            self.ask(4)  # two for each backend
            self.sick.clear()
            self.ask(2)
        self.assertEqual(self.proxy.states(), ["up", "up"])

    def test_no_more_than_the_share_are_out(self):
        self.serve(rules={"consecutive_errors": 2, "base_time": "1h", "max_ejected": "50%"})
        self.sick.update(("b0", "b1", "b2"))
        self.ask(10)
        eventually(lambda: "ejected" in self.proxy.states(), "one is out")
        self.ask(40)
        self.assertEqual(sorted(self.proxy.states()), ["ejected", "up", "up"])

    def test_a_dead_pool_recovers_automatically(self):
        self.serve(rules={"consecutive_errors": 1, "base_time": "3s", "max_ejected": "100%"})
        self.sick.update(("b0", "b1", "b2"))
        self.ask(6)
        eventually(lambda: self.proxy.states() == ["ejected"] * 3, "all are out")
        self.assertEqual(self.ask()[0]["status"], 503)
        self.sick.clear()
        eventually(lambda: "up" in self.proxy.states(), "the first is back")
        self.assertEqual(self.ask()[0]["status"], 200)

    def test_a_data_port_that_refuses_ejects_though_the_health_port_is_fine(self):
        health = self.backend(name="health")
        self.serve(
            rules={"consecutive_errors": 2, "base_time": "1h", "max_ejected": "50%"},
            check={"type": "http", "port": health.port, "interval": "200ms", "timeout": "200ms", "fall": 20},
        )
        self.proxy.wait_up(3)
        self.behind[2].close()
        eventually(
            lambda: {a["status"] for a in self.ask(3)} == {200} and self.state("b2") == "ejected", "it is ejected"
        )

    def test_a_backend_that_accepts_and_never_answers_is_ejected(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        good, self.port = self.backend(name="good"), free_port()
        self.proxy = self.weir(
            web(
                self.port,
                [good.entry(), {"name": "silent", "address": f"127.0.0.1:{silent.getsockname()[1]}"}],
                pool={"timeouts": {"response": "2s"}, "outlier_ejection": {"consecutive_errors": 2, "base_time": "1h"}},
            )
        )
        statuses = []
        while statuses.count(504) < 2:  # the verdict follows a moment later, so nothing more is sent
            statuses += [a["status"] for a in self.ask(1, "POST")]
            self.assertLess(len(statuses), 20)
        eventually(lambda: self.state("silent") == "ejected", "two were enough")
        self.assertEqual([a["status"] for a in self.ask(4, "POST")], [200] * 4)

    def test_answers_that_break_off_eject(self):
        def breaks(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            connection.shutdown(socket.SHUT_RDWR)

        self.serve(count=2, rules={"consecutive_errors": 3, "base_time": "1h"})
        self.behind[1].script = breaks

        def ask():
            with Client(self.port) as client:
                client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                return client.rest()

        for _ in range(8):
            ask()
        eventually(lambda: self.proxy.states() == ["up", "ejected"], "it is ejected")
        self.assertTrue(all(ask().startswith(b"HTTP/1.1 200") for _ in range(6)))

    def test_the_last_healthy_backend_is_not_ejected(self):
        self.serve(
            count=2,
            rules={"consecutive_errors": 2, "base_time": "1h"},
            check={"type": "tcp", "interval": "200ms", "timeout": "200ms", "fall": 2, "rise": 1},
        )
        self.proxy.wait_up(2)
        self.behind[1].close()
        eventually(lambda: self.state("b1") == "down", "the other is out")
        self.sick.add("b0")
        self.ask(20)
        self.assertEqual(self.proxy.states(), ["up", "down"])

    def test_tcp_pools_too(self):
        good, self.port, dead = self.backend(name="good"), free_port(), free_port()
        self.proxy = self.weir(
            f"""listeners: {{db: {{address: "127.0.0.1:{self.port}", protocol: tcp, pool: web}}}}
pools:
  web:
    backends: [{{name: good, address: "{good.address}"}}, {{name: dead, address: "127.0.0.1:{dead}"}}]
    outlier_ejection: {{consecutive_errors: 1, base_time: 1h}}
"""
        )

        def try_it():
            with Client(self.port) as client:
                return client.get("/")["fields"]["x-backend"]

        eventually(lambda: try_it() == "good" and self.state("dead") == "ejected", "it is ejected")

    def test_rules_that_are_taken_away_let_everyone_back(self):
        self.serve(rules={"consecutive_errors": 1, "base_time": "1h"})
        self.sick.add("b0")
        self.ask(6)
        eventually(lambda: self.state("b0") == "ejected", "it is ejected")
        self.proxy.reload(web(self.port, [b.entry() for b in self.behind]))
        self.assertEqual(self.state("b0"), "up")


CHECK = "{type: http, interval: 200ms, timeout: 200ms, fall: 20, rise: 1, path: /healthz}"


class Shares(Scenario):
    def serve(self, pool, count, workers=1):
        self.port, self.sick = free_port(), set()

        def script(name):
            def answer(connection, request):
                bad = request["target"] == "/healthz" and name in self.sick
                status = "503 Sick" if bad else "200 OK"
                connection.sendall(f"HTTP/1.1 {status}\r\nX-Backend: {name}\r\nContent-Length: 0\r\n\r\n".encode())

            return answer

        self.behind = [self.backend(script(f"b{i}"), name=f"b{i}") for i in range(count)]
        self.pool = pool
        self.proxy = self.weir(self.config(), workers=workers)
        self.proxy.wait_up(count)

    def config(self, leave_out=0):
        return web(self.port, [b.entry() for b in self.behind[leave_out:]], CHECK, pool=self.pool)

    def shares(self, count):
        got = {}
        with Client(self.port) as client:
            for _ in range(count):
                answer = client.get("/")
                name = answer["fields"].get("x-backend", answer["status"])
                got[name] = got.get(name, 0) + 1
        return got

    def make_sick(self, *names):
        self.sick.update(names)
        eventually(lambda: self.proxy.states().count("down") == len(self.sick), "they are out")

    def test_under_the_panic_threshold_all_are_used(self):
        self.serve({"panic_threshold": "50%"}, 3)
        self.make_sick("b0")
        self.assertEqual(self.shares(10), {"b1": 5, "b2": 5})
        self.make_sick("b1")
        self.assertEqual(self.shares(30), {"b0": 10, "b1": 10, "b2": 10})
        self.sick.clear()
        self.proxy.wait_up(3)

    def test_without_it_no_healthy_backend_is_503_at_once(self):
        self.serve({"panic_threshold": "0%"}, 2)
        self.make_sick("b0", "b1")
        self.assertEqual(self.shares(3), {503: 3})
        self.sick.clear()
        self.proxy.wait_up(2)
        self.assertNotIn(503, self.shares(10))

    def test_a_backend_that_comes_back_gets_a_tenth_at_first(self):
        self.serve({"slow_start": "10h"}, 2)
        self.assertEqual(self.shares(20), {"b0": 10, "b1": 10})  # both were there from the start, so none starts slowly
        self.make_sick("b1")
        self.sick.clear()
        self.proxy.wait_up(2)
        self.assertEqual(self.shares(110), {"b0": 100, "b1": 10})
        whole, part = self.proxy.status()["pools"][0]["backends"]
        self.assertEqual((whole["weight"], whole["effective_weight"]), (1, 1))
        self.assertEqual(part["weight"], 1)
        self.assertAlmostEqual(part["effective_weight"], 0.1, delta=0.01)

    def test_slow_start_begins_at_a_tenth_and_a_reload_does_not_restart_it(self):
        self.serve({"slow_start": "2s"}, 2)
        self.proxy.reload(self.config(leave_out=1))
        self.pool = {"slow_start": "10h"}
        self.proxy.reload(self.config())
        self.proxy.wait_up(2)
        self.assertEqual(self.shares(110), {"b0": 10, "b1": 100})
        self.pool = {"slow_start": "1s"}
        self.proxy.reload(self.config())
        eventually(lambda: self.shares(20) == {"b0": 10, "b1": 10}, "it has its whole share")

    def test_a_backend_that_flaps_faster_than_fall_and_rise_stays_as_it_is(self):
        port, count, states = free_port(), [0], set()

        def flaps(connection, request):
            if request["target"] == "/healthz":
                count[0] += 1
            bad = request["target"] == "/healthz" and count[0] % 2 == 0
            connection.sendall(f"HTTP/1.1 {'503 Sick' if bad else '200 OK'}\r\nContent-Length: 0\r\n\r\n".encode())

        flapping = self.backend(flaps)
        proxy = self.weir(
            web(port, [flapping], "{type: http, path: /healthz, interval: 200ms, timeout: 200ms, fall: 10, rise: 10}")
        )
        proxy.wait_up(1)
        begin = count[0]

        def has_flapped():
            states.add(proxy.states()[0])
            return count[0] >= begin + 24  # more failures than `fall`, and never two in a row

        eventually(has_flapped, "it has flapped for a while")
        self.assertEqual(states, {"up"})
        self.assertEqual(proxy.backends()[flapping.address]["ejections"], 0)


if __name__ == "__main__":
    main()
