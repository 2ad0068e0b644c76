"""Requests that weir itself refuses count against a change, unless it refused them before."""
import threading

from support.scenario import Client, Scenario, eventually, flow, free_port, main, web

WINDOW = "reload: {watch: false, rollback: {window: 10m}}\n"


class Load:
    """A client that repeats one request, on a new connection for each if `connect` is set."""

    def __init__(self, test, port, target="/", extra="", body=b"", connect=False):
        self.statuses, self.over = [], threading.Event()
        self.port, self.request, self.connect = (
            port,
            f"{'POST' if body else 'GET'} {target} HTTP/1.1\r\nHost: a\r\n{extra}".encode(),
            connect,
        )
        self.request += (f"Content-Length: {len(body)}\r\n".encode() if body else b"") + b"\r\n" + body
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        test.addCleanup(self.stop)

    def run(self):
        while not self.over.is_set():
            try:
                with Client(self.port) as client:
                    while not self.over.is_set():
                        client.send(self.request)
                        answer = client.reader.response()
                        if not answer:
                            break
                        self.statuses.append(answer["status"])
                        if answer["fields"].get("connection") == "close" or self.connect:
                            break
            except OSError:
                self.statuses.append(None)

    def stop(self):
        self.over.set()
        self.thread.join()


class Refusals(Scenario):
    def serve(self, more="", routes=""):
        self.port, self.good = free_port(), self.backend(name="good")
        self.proxy = self.weir(self.config(more, routes))
        self.before = self.proxy.status()["config"]["hash"]

    def config(self, more="", routes="", state="ready"):
        listed = [{"address": self.good.address, "state": state}]
        other = f"  other: {flow({'backends': [self.good.address]})}\n"
        listener = {"pool": None if routes else "web"}
        return web(self.port, listed, more=other + routes + more + WINDOW, listener=listener)

    def assert_rolled_back(self, config, load, status):
        eventually(lambda: load.statuses.count(200) > 50, "it is served before")
        report = self.proxy.reload(config)
        self.assertEqual((report["verdict"], report.get("cause")), ("rolled_back", "worse"))
        self.assertRegex(report["errors"][0], r"listener web: weir itself refuses \d+% of its requests, \d+% before")
        self.assertIn(status, load.statuses)
        self.assertEqual(self.proxy.status()["config"]["hash"], self.before)
        self.assertEqual([bad["hash"] for bad in self.proxy.status()["reload"]["denylist"]], [report["hash"]])
        served = len(load.statuses)
        eventually(lambda: 200 in load.statuses[served:], "it is served again")

    def test_a_removed_route_that_answers_404_is_rolled_back(self):
        def routes(shop):
            return (
                "routes:\n  - {name: api, match: {path_prefix: /api}, pool: web}\n"
                f"  - {{name: shop, match: {{path_prefix: {shop}}}, pool: other}}\n"
            )

        self.serve(routes=routes("/shop"))
        load = Load(self, self.port, "/shop/1")
        self.assert_rolled_back(self.config(routes=routes("/shap")), load, 404)

    def test_a_pool_whose_backends_are_all_in_maintenance_is_rolled_back(self):
        self.serve()
        load = Load(self, self.port)
        self.assert_rolled_back(self.config(state="maint"), load, 503)

    def test_a_limit_that_is_too_low_and_answers_431_is_rolled_back(self):
        self.serve()
        load = Load(self, self.port, extra="A: b\r\n" * 60)
        self.assert_rolled_back(self.config("limits: {header_count: 50}\n"), load, 431)

    def test_a_body_limit_that_is_too_low_and_answers_413_is_rolled_back(self):
        self.serve()
        load = Load(self, self.port, body=b"x" * 2000)
        self.assert_rolled_back(self.config("limits: {body_size: 1000B}\n"), load, 413)

    def test_tcp_clients_without_a_backend_roll_the_change_back(self):
        port, good = free_port(), self.backend(name="good")
        proxy = self.weir(web(port, [good], more=WINDOW, listener={"protocol": "tcp"}))
        load = Load(self, port, connect=True)
        eventually(lambda: load.statuses.count(200) > 50, "it is served before")
        maint = [{"address": good.address, "state": "maint"}]
        report = proxy.reload(web(port, maint, more=WINDOW, listener={"protocol": "tcp"}))
        self.assertEqual((report["verdict"], report.get("cause")), ("rolled_back", "worse"))
        self.assertIn("listener web: weir itself refuses", report["errors"][0])

    def test_failures_that_were_there_before_the_change_do_not_roll_it_back(self):
        """Requests that weir refused at the same rate before the change do not count against it."""
        self.serve()
        load = Load(self, self.port, extra="A: b\r\n" * 200)  # over the limit before the change, too
        eventually(lambda: load.statuses.count(431) > 100, "it is refused before")
        self.proxy.write(self.config("limits: {header_count: 90}\n"))
        self.proxy.admin("POST", "/api/v1/reload")
        window = eventually(lambda: self.proxy.status()["reload"]["window"], "it is watched")
        refused = len(load.statuses)
        eventually(lambda: len(load.statuses) > refused + 200, "many more are refused")
        self.assertEqual(self.proxy.status()["reload"]["window"]["hash"], window["hash"])

    def test_malformed_requests_count_for_no_rollback(self):
        self.serve()
        self.proxy.write(self.config("limits: {header_count: 90}\n"))
        self.proxy.admin("POST", "/api/v1/reload")
        window = eventually(lambda: self.proxy.status()["reload"]["window"], "it is watched")
        load = Load(self, self.port, extra="Content-Length: x\r\n")
        eventually(lambda: load.statuses.count(400) > 100, "they are refused")
        self.assertEqual(self.proxy.status()["reload"]["window"]["hash"], window["hash"])


if __name__ == "__main__":
    main()
