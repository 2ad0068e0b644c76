"""A weir in front of scripted backends that speak HTTP/2; every one of them checks that weir keeps to RFC 9113."""
from support import http2_frames as h2
from support.http2_server import Http2Server
from support.http2_scenario import Http2Scenario
from support.scenario import free_port, web

GET = "GET {} HTTP/1.1\r\nHost: a\r\n{}\r\n"


class Http2BackendScenario(Http2Scenario):
    def http2_backend(self, *args, **keys):
        backend = Http2Server(*args, **keys)
        self.addCleanup(self.assert_lawful, backend)
        self.addCleanup(backend.close)
        return backend

    def assert_lawful(self, backend):
        self.assertEqual(backend.violations, [])

    def serve_behind(self, *backends, workers=1, **keys):
        """Starts weir with a plain listener for both versions in front of these backends."""
        self.port, self.behind = free_port(), backends[0]
        self.config = self.config_of(*backends, **keys)
        self.proxy = self.start_proxy(self.config, workers)

    def config_of(self, *backends, pool=None, listener=None, entry=None, **keys):
        """Returns the configuration; `entry` has keys of all backends."""
        listener, pool = {"http2": True, **(listener or {})}, {"protocol": "http2", **(pool or {})}
        return web(self.port, [one.entry(**(entry or {})) for one in backends], pool=pool, listener=listener, **keys)

    def ask(self, path="/", extra="", method="GET"):
        """Returns an HTTP/1.1 client that has sent a request on a connection of its own."""
        text = GET.format(path, extra).replace("GET", method, 1)
        return self.client(self.port).send(text)

    def answer(self, path="/", extra="", method="GET"):
        """Returns the response to a request of HTTP/1.1 on a connection of its own."""
        client = self.ask(path, extra, method)
        response = client.reader.response(method)
        client.close()
        return response

    def upload(self, body, path="/", **keys):
        """Returns an HTTP/1.1 client that has sent a request with this body."""
        return self.ask(path, f"Content-Length: {len(body)}\r\n", "POST", **keys).send(body)

    def assert_healthy(self, count=3):
        """weir serves clients of both versions."""
        client = self.connect()
        for number in range(count):
            self.assertEqual(client.get(f"/healthy{number}").status, 200)
        self.assertEqual(self.answer("/healthy")["status"], 200)


def hold(_):
    """A script that leaves the answer to the test."""


def on_path(script, path, other=None):
    """Returns a script for the calls of one path; by default all others get their path back."""

    def choose(call):
        if call.path == path:
            return script(call)
        return other(call) if other else call.link.backend.echo(call)

    return choose


def limited(number):
    return [(h2.MAX_CONCURRENT_STREAMS, number)]
