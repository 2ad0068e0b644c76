"""A backend that speaks HTTP/2, plain or over TLS, and answers, holds, resets, limits or misbehaves as a test says."""
import ssl
import traceback

from support import http2_frames as h2
from support.http2_link import Http2Link
from support.peers import RawBackend, eventually


class Http2Server(RawBackend):
    """`calls` has all requests and `links` all connections, in the order of their arrival; `violations` has what the
    peer has done against RFC 9113.

    `script(call)` runs once a request is complete; by default it sends the body back, or the backend's name and the
    path. `on_head(call)` runs when the head is there, `on_data(call, piece)` for each DATA frame. All run on the thread
    of the connection, so they must not wait: to hold a request, do nothing, and answer from the test. `settings` is
    sent first, unless `greet(link)` takes its place. With `pair` (a certificate and its key), the backend speaks TLS
    and selects one of `protocols` with ALPN; `http1(connection)` serves connections that did not select h2.
    """

    def __init__(self, script=None, on_head=None, on_data=None, settings=(), greet=None, name="b", pair=None, **kwargs):
        self.name, self.settings, self.greet = name, settings, greet or self.greet_politely
        self.connection_window = kwargs.pop("connection_window", 1 << 24)  # beyond the first one
        self.script, self.on_head, self.on_data = script or self.echo, on_head, on_data
        self.waits_for_settings = True  # the peer opens no stream before it knows the SETTINGS
        self.calls, self.links, self.violations, self.refused = [], [], [], []
        self.http1 = kwargs.pop("http1", None)
        self.context = make_context(pair, kwargs.pop("protocols", ("h2", "http/1.1"))) if pair else None
        self.handshakes = []  # what each one has shown
        super().__init__(**kwargs)

    def entry(self, **keys):
        """Returns the backend's entry for a pool's list of backends."""
        return {"name": self.name, "address": self.address, **keys}

    def serve(self, connection):
        tls = None
        if self.context:
            try:
                connection = self.context.wrap_socket(connection, server_side=True)
            except OSError as problem:
                self.refused.append(str(problem))
                return
            tls = {"alpn": connection.selected_alpn_protocol(), "name": getattr(connection, "requested_name", None)}
            self.handshakes.append(tls)
        if self.http1 and tls and tls["alpn"] != "h2":
            with connection:
                return self.http1(connection)
        link = Http2Link(self, connection, tls)
        self.links.append(link)
        if self.closed.is_set():
            return
        try:
            link.run()
        except Exception:  # of a script, or nonsense from the peer: a test looks for it
            self.violations.append(traceback.format_exc())
            link.closed = True
            connection.close()

    def greet_politely(self, link):
        link.send_settings(self.settings)
        if self.connection_window:
            link.room += self.connection_window
            link.send(h2.window_update(0, self.connection_window))

    def take_call(self, call):
        self.calls.append(call)
        if self.on_head:
            self.on_head(call)

    def echo(self, call):
        call.respond(bytes(call.body) or f"{self.name} {call.path}".encode())

    def close(self):
        super().close()
        for link in self.links:
            link.kill()

    # -------------------------------------------------------------------------------------------------- waiting

    def wait_calls(self, count):
        """Waits until so many requests have come in all; returns them."""
        eventually(lambda: len(self.calls) >= count, f"{count} requests have come to {self.name}")
        return self.calls

    def open_links(self):
        return [link for link in self.links if not link.closed]

    def wait_links(self, count):
        """Waits until so many connections are open; returns them."""
        eventually(lambda: len(self.open_links()) == count, f"{self.name} has {count} connections")
        return self.open_links()

    def paths(self):
        return [call.path for call in self.calls]


def make_context(pair, protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair["cert"], pair["key"])
    context.set_alpn_protocols(list(protocols))
    context.sni_callback = lambda connection, name, _: setattr(connection, "requested_name", name)
    return context
