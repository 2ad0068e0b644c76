"""Reloads, drains, idle times, stops and upgrades of weir while connections of HTTP/2 to backends are open."""
import os
import signal
import threading

from support import http2_frames as h2
from support.http2_backend_scenario import Http2BackendScenario
from support.scenario import SANITIZED, Client, eventually, free_port, main


class Waiting(Http2BackendScenario):
    def serve_held(self, count=4, **keys):
        """Starts weir and requests that wait for the test to answer them: `clients`, `views` on `client`, `calls`."""
        self.seen = self.http2_backend(lambda call: None if call.path.startswith("/held") else self.seen.echo(call))
        self.serve_behind(self.seen, **keys)
        self.clients = [self.ask(f"/held{number}") for number in range(count)]
        self.client_of_views = self.connect()
        self.views = [self.client_of_views.request(path=f"/held/view{number}") for number in range(count)]
        self.calls = list(self.seen.wait_calls(2 * count))

    def finish(self):
        for call in self.calls:
            call.respond(b"held")
        for client in self.clients:
            self.assertEqual(client.reader.response()["body"], b"held")
        self.client_of_views.finish(*self.views)

    def apply(self, config):
        self.assertEqual(self.proxy.reload(config)["verdict"], "applied")

    def assert_told(self, link):
        """weir closes the connection with GOAWAY, and without an error."""
        eventually(lambda: link.closed, "the connection is closed")
        self.assertEqual({code for _, code in link.goaways}, {h2.NO_ERROR})


class Reloads(Waiting):
    def test_a_reload_of_the_same_keeps_the_connection(self):
        self.serve_held()
        self.apply(self.config + "limits: {header_count: 101}\n")
        self.assert_healthy()
        self.finish()
        self.assertEqual(len(self.seen.links), 1)

    def test_streams_of_a_removed_backend_end_and_then_its_connection(self):
        self.serve_held()
        other = self.http2_backend(name="other")
        self.apply(self.config_of(other))
        self.assertEqual(self.answer()["fields"]["x-backend"], "other")
        self.assertFalse(self.seen.links[0].closed)
        self.finish()
        self.assert_told(self.seen.links[0])
        self.assertEqual(len(self.seen.calls), 8)

    def test_streams_of_a_removed_backend_are_cut_off_after_close_after(self):
        self.serve_held(pool={"close_after": "500ms"})
        self.apply(self.config_of(self.http2_backend(name="other"), pool={"close_after": "500ms"}))
        eventually(lambda: self.seen.links[0].closed, "the connection is closed")
        for client in self.clients:  # which can be retried
            self.assertEqual(client.reader.response()["fields"]["x-backend"], "other")
        self.client_of_views.finish(*self.views)
        self.assertEqual({view.status for view in self.views}, {200})

    def test_an_idle_connection_of_a_removed_backend_is_closed(self):
        self.serve_held()
        self.finish()
        self.apply(self.config_of(self.http2_backend(name="other")))
        self.assert_told(self.seen.links[0])

    def test_a_drained_backend_gets_no_more_streams(self):
        self.serve_held()
        other = self.http2_backend(name="other")
        self.apply(self.config_of(self.seen, other))
        self.assertEqual(self.proxy.admin("POST", "/api/v1/backends/web/b?state=drain")[0], 200)
        for _ in range(6):
            self.assertEqual(self.answer()["fields"]["x-backend"], "other")
        self.finish()
        self.assertEqual(self.proxy.admin("POST", "/api/v1/backends/web/b?state=ready")[0], 200)
        self.assertEqual({self.answer()["fields"]["x-backend"] for _ in range(10)}, {"b", "other"})

    def test_reloads_under_load_fail_no_request(self):
        self.seen = self.http2_backend()
        self.serve_behind(self.seen, workers=2)
        others = [self.http2_backend(name=f"other{number}") for number in range(2)]
        failures, over, served = [], threading.Event(), []

        def run():
            try:
                with Client(self.port) as client:
                    while not over.is_set():
                        for method in ("GET", "POST"):
                            if client.get("/x", method=method)["status"] != 200:
                                failures.append(method)
                            served.append(method)
            except (AssertionError, OSError, TypeError) as problem:
                failures.append(repr(problem))

        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        sets = [[self.seen, others[0]], [others[1]], [self.seen], [*others], [others[0], self.seen]]
        for number in range(5 if SANITIZED else 25):
            self.apply(self.config_of(*sets[number % len(sets)], more=f"limits: {{header_count: {101 + number}}}\n"))
            count = len(served)
            eventually(lambda n=count: len(served) > n + 30 or failures, "requests are served")
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class Ends(Waiting):
    def test_an_idle_connection_is_told_and_closed(self):
        self.serve_held(pool={"keepalive": {"idle_timeout": "1s"}})
        self.finish()
        self.assert_told(self.seen.links[0])
        self.assertEqual(self.answer()["status"], 200)
        self.assertEqual(len(self.seen.links), 2)

    def test_a_connection_with_a_stream_is_not_idle(self):
        self.serve_held(count=1, pool={"keepalive": {"idle_timeout": "500ms"}})
        other = self.http2_backend(name="other")
        self.apply(self.config_of(self.seen, other, pool={"keepalive": {"idle_timeout": "500ms"}}))
        eventually(lambda: self.answer() and len(other.links) > 0, "the other backend has a connection")
        first = other.links[0]
        eventually(lambda: first.closed, "that one was idle")
        self.assertFalse(self.seen.links[0].closed)
        self.finish()

    def test_a_stop_lets_streams_end(self):
        self.serve_held()
        self.proxy.signal(signal.SIGTERM)
        self.client_of_views.wait(lambda: self.client_of_views.goaways, "GOAWAY")
        self.assertEqual([call.reset for call in self.calls], [None] * 8)
        self.finish()
        self.assertEqual(self.proxy.process.wait(60), 0)
        self.assert_told(self.seen.links[0])

    def test_an_upgrade_lets_streams_end(self):
        self.serve_held()
        old = self.proxy.process.pid
        self.proxy.signal(signal.SIGUSR2)
        self.proxy.wait_replaced(old)
        self.assert_healthy()
        self.finish()
        self.assertEqual(self.proxy.process.wait(60), 0)
        eventually(lambda: self.seen.links[0].closed, "the old process has closed its connection")
        self.assert_healthy()
        os.kill(self.proxy.status()["pid"], signal.SIGTERM)

    def test_a_connection_in_the_making_may_be_dropped_in_a_reload(self):
        seen = self.http2_backend(greet=lambda link: None)
        self.serve_behind(seen)
        clients = [self.ask(f"/{number}") for number in range(5)]
        eventually(lambda: seen.links, "weir connects")
        other = self.http2_backend(name="other")
        self.apply(self.config_of(other))
        self.assertEqual(self.answer()["fields"]["x-backend"], "other")
        seen.links[0].send_settings()
        for client in clients:
            self.assertEqual(client.reader.response()["status"], 200)

    def test_a_pool_may_change_its_protocol_while_streams_are_open(self):
        self.serve_held()
        plain = self.backend(name="plain", port=free_port())
        self.apply(self.config_of(plain, pool={"protocol": "http1"}))
        self.assertEqual(self.answer()["fields"]["x-backend"], "plain")
        self.finish()


if __name__ == "__main__":
    main()
