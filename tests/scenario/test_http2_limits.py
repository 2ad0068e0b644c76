"""What limits, asks or closes, per stream and per connection of HTTP/2."""
import json
import threading

from support import http2_frames as h2
from support.http2_scenario import Http2Scenario, accept_of, respond, websocket_head
from support.scenario import eventually, free_port, main, web

WEBSOCKET = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def echo_socket(connection, request):
    if "upgrade" not in request["fields"]:
        return respond(connection)
    key = accept_of(request["fields"]["sec-websocket-key"])
    connection.sendall(f"{WEBSOCKET}Sec-WebSocket-Accept: {key}\r\n\r\n".encode())
    while data := connection.recv(1000):
        connection.sendall(data)
    raise OSError("over")


class Routed(Http2Scenario):
    def serve_route(self, script=None, **route):
        self.serve(script, more=f"routes: {json.dumps([{'pool': 'web', **route}])}\n")

    def open_tunnel(self, client):
        view = client.take_stream()
        client.send(h2.headers(view.id, h2.block(websocket_head()), end=False))
        client.wait(lambda: view.status or view.over, "the handshake is answered")
        return view


class Limits(Routed):
    def test_concurrent_requests_are_counted_by_streams(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def script(connection, request):
            release.wait(60)
            respond(connection)

        self.serve_route(script, concurrency_limit={"max": 3})
        client = self.connect()
        views = [client.request() for _ in range(10)]
        client.wait(lambda: sum(view.over for view in views) == 7, "seven are refused")
        self.assertEqual({view.status for view in views if view.over}, {429})
        release.set()
        client.finish(*views)
        self.assertEqual(sorted(view.status for view in views), [200] * 3 + [429] * 7)
        self.assertEqual(client.get().status, 200)

    def test_tunnels_count_until_they_end(self):
        self.serve_route(echo_socket, concurrency_limit={"max": 1})
        client = self.connect()
        view = self.open_tunnel(client)
        self.assertEqual(client.get().status, 429)
        client.send(h2.rst_stream(view.id))
        eventually(lambda: client.get().status == 200, "the place is free")

    def test_rates_are_counted_by_streams(self):
        self.serve_route(rate_limit={"rate": "1/h", "burst": 3})
        client = self.connect()
        views = [client.request() for _ in range(10)]
        client.finish(*views)
        self.assertEqual(sorted(view.status for view in views), [200] * 3 + [429] * 7)

    def test_a_service_is_asked_for_every_stream(self):
        asked = self.backend(lambda c, r: respond(c, b"no", "200 OK" if "x-pass" in r["fields"] else "403 Forbidden"))
        route = {"pool": "web", "forward_auth": {"pool": "auth", "path": "/verify"}}
        self.serve(more=f"  auth: {{backends: [{asked.address}]}}\nroutes: {json.dumps([route])}\n")
        client = self.connect()
        views = [client.request(more=[("x-pass", "1")] if number % 2 else []) for number in range(10)]
        client.finish(*views)
        self.assertEqual([view.status for view in views], [403, 200] * 5)
        self.assertEqual(len(self.seen.requests), 5)

    def test_a_body_limit_without_a_length(self):
        self.serve_route(body_size="1KiB")
        client = self.connect()
        view = client.request("POST", end=False)
        client.upload(view, b"x" * 5_000, end=False)
        client.wait(lambda: view.over, "it is refused")
        self.assertEqual(view.status, 413)
        self.assertEqual(self.seen.requests, [])
        self.assertEqual(client.get().status, 200)

    def test_one_stream_at_a_time(self):
        self.serve(more="limits: {streams: 1}")
        client = self.connect()
        for number in range(50):
            self.assertEqual(bytes(client.get(f"/{number}").body), b"b /%d" % number)

    def test_a_thousand_streams(self):
        self.serve(more="limits: {streams: 1000}")
        client = self.connect()
        views = [client.request(path=f"/{number}") for number in range(1_000)]
        client.finish(*views)
        self.assertEqual({view.status for view in views}, {200})


class Closing(Routed):
    def test_tunnels_of_a_removed_backend_close_in_time(self):
        self.serve(echo_socket, pool={"close_after": "1s"})
        other = self.backend(name="other")
        client = self.connect()
        view = self.open_tunnel(client)
        config = web(self.port, [other], listener={"http2": True}, pool={"close_after": "1s"})
        self.assertEqual(self.proxy.reload(config)["verdict"], "applied")
        client.wait(lambda: view.over or client.closed, "the tunnel is closed")

    def test_streams_of_a_removed_listener_close_in_time(self):
        self.serve(echo_socket, pool={"close_after": "1s"})
        client = self.connect()
        self.open_tunnel(client)
        config = self.config.replace(str(self.port), str(free_port())).replace("  web: {address", "  new: {address")
        self.assertEqual(self.proxy.reload(config)["verdict"], "applied")
        client.wait_closed()
        self.assertEqual({code for _, code in client.goaways}, {h2.NO_ERROR})


if __name__ == "__main__":
    main()
