"""Certificates are renewed and configurations reloaded under load: no handshake and no request fails."""
import contextlib
import os
import socket
import ssl
import sys
import threading

from support.certificates import Authority
from support.nginx import start_nginx
from support.scenario import SANITIZED, Scenario, can_connect, eventually, flow, free_port, main, read_file
from support.tls_clients import TlsClient

ROUNDS = int(os.environ.get("WEIR_RENEWALS", "10" if SANITIZED else "100"))
RELOADS_PER_ROUND = 1

NODE = """
const [port, cert, key] = process.argv.slice(1);
const read = require('fs').readFileSync;
require('https').createServer({cert: read(cert), key: read(key)}, (request, response) => {
  request.resume().on('end', () => response.end('node'));
}).listen(Number(port), '127.0.0.1');
"""

NGINX = """
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {cert}; ssl_certificate_key {key};
    keepalive_requests 100000000;
    location / {{ return 200 nginx; }}
  }}
"""


class Load:
    """Clients that send requests over TLS in threads until they are told to stop."""

    def __init__(self, test, tls):
        self.test, self.tls, self.stopping = test, tls, threading.Event()
        self.failed, self.handshakes, self.resumed, self.requests = [], 0, 0, 0
        self.lock = threading.Lock()
        versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
        self.threads = [threading.Thread(target=self.keep_connecting, args=(version,)) for version in versions]
        self.threads += [threading.Thread(target=self.stay_connected, args=(version,)) for version in versions]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def keep_connecting(self, version):
        """Makes one connection after the other; every second one resumes the session before, if it can."""
        context = self.tls.context(minimum_version=version, maximum_version=version)
        session = None
        while not self.stopping.is_set():
            with self.noting_failures(), self.connect(context, session) as secure:
                for path, backend in (("/", b"nginx"), ("/node", b"node")):
                    self.ask(secure, path, backend)
                session = None if session else secure.session
                with self.lock:
                    self.resumed += secure.session_reused

    def stay_connected(self, version):
        """Sends requests on one connection, which weir has no reason to close."""
        context = self.tls.context(minimum_version=version, maximum_version=version)
        with self.noting_failures(), self.connect(context) as secure:
            while not self.stopping.is_set():
                self.ask(secure, "/", b"nginx")
                self.ask(secure, "/node", b"node")

    @contextlib.contextmanager
    def noting_failures(self):
        try:
            yield
        except (OSError, AssertionError) as problem:
            self.failed.append(repr(problem))

    @contextlib.contextmanager
    def connect(self, context, session=None):
        with socket.create_connection(("127.0.0.1", self.tls.port), 20) as plain:
            with context.wrap_socket(plain, server_hostname="a.example", session=session) as secure:
                with self.lock:
                    self.handshakes += 1
                yield secure

    def ask(self, secure, path, backend):
        head, body = self.tls.get(secure, path)
        self.test.assertEqual((head.split()[1], body), ("200", backend))
        with self.lock:
            self.requests += 1


class Renewals(Scenario):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder())
        self.pair = self.authority.issue("a.example")
        self.port = free_port()
        self.backends = Authority(self.folder(), "backends")
        self.trusted = os.path.join(self.folder(), "trusted.pem")
        self.trust()
        self.nginx, self.node = free_port(), free_port()
        pair = self.backends.issue("app.example")
        start_nginx(self, self.folder(), self.nginx, NGINX.format(port=self.nginx, **pair))
        self.start("node", "-e", NODE, str(self.node), pair["cert"], pair["key"])
        eventually(lambda: can_connect(self.node), "Node accepts connections")

    def trust(self, *more):
        """Replaces the file with the authorities that weir trusts for backends."""
        with open(self.trusted + ".new", "w") as f:
            for path in (self.backends.root, *more):
                f.write(read_file(path))
        os.rename(self.trusted + ".new", self.trusted)

    def config(self, number):
        """Returns the configuration; each number has another weight and another route."""
        listener = {"address": f"127.0.0.1:{self.port}", "pool": "nginx", "tls": {"certificates": [self.pair]}}
        tls = {"ca": self.trusted, "server_name": "app.example"}
        pools = {
            name: {"backends": [{"address": f"127.0.0.1:{port}", "weight": 1 + number % 200}], "tls": tls}
            for name, port in (("nginx", self.nginx), ("node", self.node))
        }
        routes = [
            {"match": {"path_prefix": "/node"}, "pool": "node"},
            {"match": {"path": f"/change-{number}"}, "respond": {"status": 204}},
        ]
        return f"listeners: {flow({'secure': listener})}\nroutes: {flow(routes)}\npools: {flow(pools)}\n"

    def test_renewals_and_reloads_fail_nothing_and_keep_memory_flat(self):
        self.proxy = self.weir(self.config(0), workers=2)
        stranger = Authority(self.folder(), "stranger")
        memory, authorities = [], 0
        with Load(self, TlsClient(self, self.authority, self.port)) as load:
            for number in range(ROUNDS):
                self.authority.issue("a.example", to=self.pair)
                if number % 3 == 2:
                    authorities += 1
                    self.trust(*([stranger.root] if authorities % 2 else []))
                for step in range(RELOADS_PER_ROUND):
                    report = self.proxy.reload(self.config(RELOADS_PER_ROUND * number + step + 1))
                    self.assertEqual(report["verdict"], "applied")
                    before = (load.handshakes, load.requests)
                    eventually(
                        lambda: load.failed or (load.handshakes > before[0] and load.requests > before[1]),
                        "clients connect and are served",
                    )
                self.assertEqual(load.failed, [])
                if number in (1, ROUNDS // 3, ROUNDS - 1):
                    memory.append(self.proxy.memory())
        self.check(load, memory)
        self.proxy.wait_logged(rf"{self.trusted} has changed \(SHA-256 [0-9a-f]{{16}}\)")
        print(
            f"{ROUNDS} renewals, {authorities} changes of authorities, {ROUNDS * RELOADS_PER_ROUND} reloads,",
            f"{load.handshakes} handshakes ({load.resumed} resumed), {load.requests} requests, 0 failed;",
            "memory in KiB at the start, a third and the end:",
            *memory,
            file=sys.stderr,
        )

    def check(self, load, memory):
        self.assertEqual(load.failed, [])
        self.assertGreater(load.resumed, 0)
        metrics = self.proxy.metrics()
        self.assertEqual(metrics['weir_tls_handshake_failures_total{listener="secure"}'], 0)
        self.assertEqual([name for name in metrics if name.startswith("weir_failures_total") and metrics[name]], [])
        if not SANITIZED:  # a sanitizer keeps what is freed
            self.assertLess(memory[-1], memory[1] * 1.1 + 2048)


if __name__ == "__main__":
    main()
