"""A site whose requests another service allows or denies."""
import json
import re

from support.scenario import Scenario, flow, free_port, web

ALLOWED = b"HTTP/1.1 200 OK\r\nX-User: ann\r\nContent-Length: 2\r\n\r\nok"
DENIED = (
    b"HTTP/1.1 302 Found\r\nLocation: https://login.example.com/?rd=x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
    b"Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 8\r\n\r\nto login"
)
BACKEND = 'weir_backend_{}{{pool="auth",backend="{}"}}'


def values(request, name):
    """Returns the values of a field, in any spelling that CGI programs read as the same."""

    def folded(text):
        return re.sub("[^a-z0-9]", "-", text.lower())

    pairs = (line.split(": ", 1) for line in request["lines"])
    return [value for found, value in pairs if folded(found) == folded(name)]


class GuardedSite(Scenario):
    backends, web_pool = None, None  # of the pool that serves what is allowed, in place of `seen`

    def serve(self, script=None, route=None, auth=None, pool=None, service=None, more="", **keys):
        """Starts weir with the backends `seen` and `auth`, and a route /in that the latter decides about."""
        self.port, self.seen = free_port(), self.backend()
        self.auth = service or self.backend(script or self.allow, name="a0")
        self.keys = {"pool": "auth", "path": "/verify", "copy_headers": ["X-User", "X-Group"], **(auth or {})}
        self.route, self.auth_pool, self.more = route, pool, more
        self.proxy = self.weir(self.config(), **keys)

    def config(self):
        route = {"name": "in", "match": {"path_prefix": "/in"}, **(self.route or {"pool": "web"})}
        routes = [{**route, "forward_auth": self.keys}]
        pool = {"backends": [getattr(self.auth, "address", self.auth)], **(self.auth_pool or {})}
        more = f"  auth: {flow(pool)}\nroutes: {json.dumps(routes)}\n{self.more}"
        return web(self.port, self.backends or [self.seen], pool=self.web_pool, more=more)

    def allow(self, connection, request):
        connection.sendall(ALLOWED)

    def ask(self, target="/in", **keys):
        return self.client(self.port).get(target, **keys)

    def failures(self, reason):
        return self.proxy.metrics().get(
            f'weir_failures_total{{listener="web",pool="web",route="in",reason="{reason}"}}', 0
        )
