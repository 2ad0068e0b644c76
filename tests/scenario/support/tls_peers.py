"""A backend that speaks TLS, and records what it learns in each handshake."""
import ssl

from support.peers import Backend


class TlsBackend(Backend):
    """`handshakes` has one entry for each successful handshake, `refused` one text for each that failed. `talk` takes
    the place of HTTP after the handshake.
    """

    def __init__(self, pair, client_ca=None, versions=("TLSv1_2", "TLSv1_3"), proxy_header=False, talk=None, **kwargs):
        self.talk = talk or super().serve
        self.handshakes, self.refused, self.headers = [], [], []
        self.proxy_header = proxy_header
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version, self.context.maximum_version = (getattr(ssl.TLSVersion, v) for v in versions)
        self.context.load_cert_chain(pair["cert"], pair["key"])
        self.context.set_alpn_protocols(["http/1.1"])
        self.context.sni_callback = self.note_name
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_ca)
        super().__init__(**kwargs)

    def note_name(self, connection, name, _):
        connection.requested_name = name

    def serve(self, connection):
        if self.proxy_header:
            line = b""
            while not line.endswith(b"\r\n"):
                line += connection.recv(1)
            self.headers.append(line)
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
