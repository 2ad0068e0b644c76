"""Reloads, stops and upgrades of weir while HTTP/2 connections are open."""
import contextlib
import os
import signal
import threading
import time

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario, accept_of, respond, websocket_head
from support.scenario import SANITIZED, eventually, free_port, main, web


class Load:
    """Threads that send requests on connections of their own, several at a time, until stop()."""

    def __init__(self, scenario, connections=4, streams=10):
        self.scenario, self.streams, self.over, self.failures, self.served = scenario, streams, False, [], 0
        self.threads = [threading.Thread(target=self.run) for _ in range(connections)]
        for thread in self.threads:
            thread.start()

    def run(self):
        try:
            while not self.over:
                client = self.scenario.connect()
                while not self.over and not client.goaways:
                    views = [client.request(path=f"/{number}") for number in range(self.streams)]
                    client.finish(*views)
                    self.served += len(views)
                    bad = [view.fields for view in views if view.status != 200]
                    if bad:
                        self.failures.append(str(bad))
                client.close()
        except (AssertionError, OSError) as problem:
            self.failures.append(repr(problem))

    def stop(self):
        self.over = True
        for thread in self.threads:
            thread.join()
        return self.failures


class Waiting(Http2Scenario):
    """A backend that answers /slow when it is released."""

    def serve_waiting(self, **keys):
        self.release = threading.Event()
        self.addCleanup(self.release.set)

        def script(connection, request):
            if request["target"].startswith("/slow"):
                self.release.wait(120)
            respond(connection, b"x" * 1_000)

        self.serve(script, **keys)

    def begin(self, client, count=5):
        before = len(self.seen.requests)
        views = [client.request(path=f"/slow{number}") for number in range(count)]
        eventually(lambda: len(self.seen.requests) == before + count, "all are with the backend")
        return views


class Reloads(Waiting):
    def test_new_streams_use_the_new_configuration_and_old_ones_finish(self):
        self.serve_waiting()
        other = self.backend(name="other")
        client = self.connect()
        views = self.begin(client)
        self.assertEqual(self.proxy.reload(web(self.port, [other], listener={"http2": True}))["verdict"], "applied")
        view = client.get("/new")
        self.assertEqual((view.status, view.fields["x-backend"]), (200, "other"))
        self.release.set()
        client.finish(*views)
        self.assertEqual({len(view.body) for view in views}, {1_000})
        self.assertEqual(client.goaways, [])

    def test_reloads_under_load_fail_no_stream(self):
        self.serve(workers=2)
        load = Load(self)
        for number in range(5 if SANITIZED else 20):
            more = f"limits: {{header_count: {101 + number}}}\n"
            self.assertEqual(self.proxy.reload(self.config + more)["verdict"], "applied")
        self.assertEqual(load.stop(), [])
        self.assertGreater(load.served, 10 if SANITIZED else 100)

    def test_a_listener_that_goes_away_lets_streams_finish(self):
        self.serve_waiting()
        client = self.connect()
        views = self.begin(client)
        self.proxy.reload(web(free_port(), [self.seen], listener={"http2": True}))
        self.release.set()
        client.finish(*views)

    def test_http2_can_be_turned_off(self):
        self.serve()
        client = self.connect()
        client.get()
        self.proxy.reload(web(self.port, [self.seen], listener={"http2": False}))
        with contextlib.suppress(AssertionError):
            client.get()  # an open connection may go on or be told to go
        self.assertEqual(self.client(self.port).get()["status"], 200)


class Stops(Waiting):
    def test_a_stop_says_goaway_twice_and_lets_streams_finish(self):
        self.serve_waiting()
        client = self.connect()
        views = self.begin(client)
        self.proxy.signal(signal.SIGTERM)
        client.wait(lambda: client.goaways, "the first GOAWAY")
        self.assertEqual(client.goaways[0], (h2.LARGEST_WINDOW, h2.NO_ERROR))
        late = client.request(path="/late")  # was on its way before the client had read GOAWAY
        client.wait(lambda: late.over or len(client.goaways) > 1, "it is served, or the real last id")
        client.wait(lambda: len(client.goaways) > 1, "the second GOAWAY")
        last, code = client.goaways[-1]
        self.assertEqual(code, h2.NO_ERROR)
        self.assertGreaterEqual(last, views[-1].id)
        self.release.set()
        client.finish(*views, *([late] if last >= late.id else []))
        client.wait_closed()
        self.assertEqual(self.proxy.process.wait(60), 0)

    def test_streams_after_the_first_goaway_are_served(self):
        self.serve_waiting()
        client = self.connect()
        views = self.begin(client)
        self.proxy.signal(signal.SIGTERM)
        client.wait(lambda: client.goaways, "the first GOAWAY")
        if len(client.goaways) == 1:
            late = client.request(path="/late")
            client.wait(lambda: late.over or client.goaways[-1][0] < late.id, "it is served or refused")
            if not late.over:
                self.assertEqual(late.reset, None)
            else:
                self.assertEqual(late.status, 200)
        self.release.set()
        client.finish(*views)

    def test_a_client_that_ignores_goaway_does_not_hold_up_a_stop(self):
        self.serve()
        client = self.connect()
        client.get()
        self.proxy.signal(signal.SIGTERM)
        until = time.monotonic() + 60
        while not client.closed and time.monotonic() < until:
            client.request(path="/again")
            time.sleep(0.01)
        self.assertTrue(client.closed)
        self.assertEqual(self.proxy.process.wait(60), 0)

    def test_a_tunnel_is_cut_after_drain_timeout(self):
        def script(connection, request):
            key = accept_of(request["fields"]["sec-websocket-key"])
            head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            connection.sendall(f"{head}Sec-WebSocket-Accept: {key}\r\n\r\n".encode())
            while data := connection.recv(1000):
                connection.sendall(data)

        process = "process: {workers: 1, state_dir: %s, drain_timeout: 2s}\n" % self.folder()
        self.serve(script, more=process)
        client = self.connect()
        view = client.take_stream()
        client.send(h2.headers(view.id, h2.block(websocket_head()), end=False))
        client.wait(lambda: view.status == 200, "the tunnel is open")
        self.proxy.signal(signal.SIGTERM)
        client.wait(lambda: client.goaways, "GOAWAY")
        client.send_body(view, b"still", end=False)
        client.wait(lambda: bytes(view.body) == b"still", "it goes on")
        client.wait_closed()
        self.assertEqual(self.proxy.process.wait(60), 3)

    def test_an_idle_connection_is_closed_at_a_stop(self):
        self.serve()
        client = self.connect()
        client.get()
        began = time.monotonic()
        self.proxy.signal(signal.SIGTERM)
        client.wait_closed()
        self.assertEqual({code for _, code in client.goaways}, {h2.NO_ERROR})
        self.assertEqual(client.goaways[-1][0], 1)
        self.assertEqual(self.proxy.process.wait(60), 0)
        self.assertLess(time.monotonic() - began, 9 if not SANITIZED else 60)

    def test_a_large_response_is_not_cut_by_a_stop(self):
        """haproxy 3ed936168: closed right behind GOAWAY, WINDOW_UPDATEs met a TCP reset."""
        body = b"x" * (3 << 20)
        self.serve(lambda connection, _: respond(connection, body))
        client = self.connect()
        views = [client.request() for _ in range(5)]
        client.wait(lambda: all(view.status for view in views), "all have begun")
        self.proxy.signal(signal.SIGTERM)
        client.finish(*views)
        self.assertEqual({len(view.body) for view in views}, {len(body)})
        client.wait_closed()
        self.assertEqual(self.proxy.process.wait(60), 0)

    def test_streams_that_do_not_end_are_cut_after_drain_timeout(self):
        process = "process: {workers: 1, state_dir: %s, drain_timeout: 1s}\n" % self.folder()
        self.serve_waiting(more=process)
        client = self.connect()
        self.begin(client)
        self.proxy.signal(signal.SIGTERM)
        client.wait_closed()
        self.assertEqual(self.proxy.process.wait(60), 3)


class Upgrades(Waiting):
    def test_streams_of_the_old_process_finish(self):
        self.serve_waiting()
        client = self.connect()
        views = self.begin(client)
        old = self.proxy.process.pid
        self.proxy.signal(signal.SIGUSR2)
        self.proxy.wait_replaced(old)
        client.wait(lambda: client.goaways, "GOAWAY")
        self.assertEqual(client.goaways[0][1], h2.NO_ERROR)
        self.assert_serves()
        self.release.set()
        client.finish(*views)
        client.wait_closed()
        self.assertEqual(self.proxy.process.wait(60), 0)
        self.assert_serves()
        os.kill(self.proxy.status()["pid"], signal.SIGTERM)

    def test_an_upgrade_under_load_fails_no_stream(self):
        self.serve(workers=2)
        load = Load(self, connections=3)
        eventually(lambda: load.served > 100, "there is load")
        old = self.proxy.process.pid
        self.proxy.signal(signal.SIGUSR2)
        self.proxy.wait_replaced(old)
        self.assertEqual(self.proxy.process.wait(60), 0)
        served = load.served
        eventually(lambda: load.served > served + 100 or load.failures, "the new process serves")
        self.assertEqual(load.stop(), [])
        os.kill(self.proxy.status()["pid"], signal.SIGTERM)


if __name__ == "__main__":
    main()
