"""Backends that speak TLS, or expect a PROXY header, and record what they learn before the first request."""
import ssl

from support.peers import Backend


def read_line(connection):
    line = b""
    while not line.endswith(b"\r\n"):
        line += connection.recv(1)
    return line


class HeadedBackend(Backend):
    """Expects a PROXY header of version 1 on each connection; `headers` has them."""

    def __init__(self, *args, **kwargs):
        self.headers = []
        super().__init__(*args, **kwargs)

    def serve(self, connection):
        self.headers.append(read_line(connection))
        super().serve(connection)


class TlsBackend(Backend):
    """`handshakes` has one entry for each successful handshake, `refused` one text for each that failed. `talk` takes
    the place of HTTP after the handshake. `alpn` has the protocols that the backend knows.
    """

    def __init__(
        self,
        pair,
        client_ca=None,
        versions=("TLSv1_2", "TLSv1_3"),
        proxy_header=False,
        talk=None,
        alpn=("http/1.1",),
        **kwargs,
    ):
        self.talk = talk or super().serve
        self.handshakes, self.refused, self.headers = [], [], []
        self.proxy_header = proxy_header
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version, self.context.maximum_version = (getattr(ssl.TLSVersion, v) for v in versions)
        self.context.load_cert_chain(pair["cert"], pair["key"])
        if alpn:
            self.context.set_alpn_protocols(alpn)
        self.context.sni_callback = self.note_name
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_ca)
        super().__init__(**kwargs)

    def note_name(self, connection, name, _):
        connection.requested_name = name

    def serve(self, connection):
        if self.proxy_header:
            self.headers.append(read_line(connection))
        try:
            secure = self.context.wrap_socket(connection, server_side=True)
        except OSError as problem:
            self.refused.append(str(problem))
            return
        with secure:
            self.handshakes.append(
                {
                    "name": getattr(secure, "requested_name", None),
                    "resumed": secure.session_reused,
                    "version": secure.version(),
                    "alpn": secure.selected_alpn_protocol(),
                    "client": secure.getpeercert(),
                }
            )
            self.talk(secure)
