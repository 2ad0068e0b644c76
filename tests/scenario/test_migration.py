"""Configurations of other proxies, and the same for weir: the same requests get the same responses.

nginx, HAProxy and Caddy run beside weir. Traefik does not: requests.json has what its documentation promises.
"""
import json
import os
import re
import shutil

from support.certificates import Authority
from support.comparison import answer, describe, exchange, part, raw
from support.nginx import start_nginx
from support.scenario import SOURCE, Scenario, can_connect, eventually, free_port, main

FOLDER = os.path.join(SOURCE, "docs", "migration")
TEST = re.compile("test_((nginx|haproxy|caddy|traefik)_.*)")
KEYS = {"target", "method", "host", "headers", "body", "body_size", "scheme", "websocket", "seen", "own_page"}


class Migration(Scenario):
    maxDiff = None

    def setUp(self):
        self.backends = {f"10.0.0.{11 + i}:8080": self.backend(answer) for i in range(6)}
        authority = Authority(self.folder())
        self.trusted = authority.root
        self.pair = authority.issue("example.com", "*.example.com")

    def text(self, name, file, ports):
        """Returns a configuration with the ports, addresses and files of this test."""
        with open(os.path.join(FOLDER, name, file)) as f:
            text = f.read()
        for address, backend in self.backends.items():
            text = text.replace(address, backend.address)
        for scheme, actual in ports.items():
            port, here = {"http": 80, "https": 443}[scheme], f"127.0.0.1:{actual}"
            text = re.sub(rf"\b(listen|bind) [:*]*{port}\b", rf"\1 {here}", text)
            text = re.sub(rf"\b0\.0\.0\.0:{port}\b", here, text)
            text = text.replace(f"{scheme}_port {port}\n", f"{scheme}_port {actual}\n")
        return text.replace("/etc/ssl/site.pem", self.pair["cert"]).replace("/etc/ssl/site.key", self.pair["key"])

    def start_nginx(self, name, ports):
        site = "proxy_http_version 1.1;\n" + self.text(name, "nginx.conf", ports)  # backends of tests refuse 1.0
        start_nginx(self, self.folder(), ports["http"], site)

    def start_haproxy(self, name, ports):
        shutil.copy(self.pair["key"], self.pair["cert"] + ".key")  # HAProxy takes the key from there
        path = f"{self.folder()}/haproxy.cfg"
        with open(path, "w") as f:
            f.write(self.text(name, "haproxy.cfg", ports))
        self.wait_for(self.start("haproxy", "-db", "-f", path), ports)

    def start_caddy(self, name, ports):
        folder = self.folder()
        with open(f"{folder}/Caddyfile", "w") as f:
            text = self.text(name, "Caddyfile", ports)
            f.write(text.replace("\tadmin off\n", "\tadmin off\n\tdefault_bind 127.0.0.1\n"))
        environment = dict(os.environ, HOME=folder, XDG_DATA_HOME=folder, XDG_CONFIG_HOME=folder)
        command = ("caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile")
        self.wait_for(self.start(*command, env=environment, cwd=folder), ports)

    def wait_for(self, process, ports):
        def is_ready():
            return process.poll() is not None or all(map(can_connect, ports.values()))

        eventually(is_ready, "the proxy accepts connections")
        self.assertIsNone(process.poll(), "the proxy has ended: it refuses its configuration")

    def ask(self, ports, request, seen):
        """Returns what the client gets and what a backend gets."""
        for backend in self.backends.values():
            backend.requests.clear()
        response = exchange(ports, request, self.trusted)
        requests = [
            (self.pools[backend.address], one) for backend in self.backends.values() for one in backend.requests
        ]
        return describe(request, response, requests, seen)

    def compare(self, name, start=None):
        """Compares weir with the other proxy, if it is started, and both with what requests.json expects of them."""
        other, ours = name.split("-")[0], {"http": free_port(), "https": free_port()}
        requests = json.loads(self.text(name, "requests.json", ours))
        weir = self.weir(self.text(name, "weir.yaml", ours))
        self.pools = {one["address"]: pool["name"] for pool in weir.status()["pools"] for one in pool["backends"]}
        theirs = None
        if start:
            theirs = {scheme: free_port() for scheme in {request.get("scheme", "http") for request in requests}}
            start(name, theirs)
        self.assertGreaterEqual(len(requests), 10)
        for request in requests:
            self.assertLessEqual(set(request), KEYS | {"differs", "weir", other})
            with self.subTest(raw(request)[:200]):
                self.compare_one(request, other, ours, theirs)

    def compare_one(self, request, other, ours, theirs):
        stated = request.get(other, {})
        seen = {*request.get("seen", []), *stated.get("seen", {})}
        results = {"weir": self.ask(ours, request, seen)}
        if theirs:
            results[other] = self.ask(theirs, request, seen)
        differs = "differs" in request
        self.assertEqual(differs, "weir" in request, "what weir does is stated if it differs")
        self.assertTrue(stated or theirs and not differs, f"what {other} does is stated if it differs, or cannot run")
        if theirs and not differs:
            self.assertEqual(results["weir"], results[other])
        for name, got in results.items():
            expected = request["weir"] if differs and name == "weir" else stated
            self.assertEqual(part(got, expected), expected, f"{name}: {got}")
        if differs:
            self.assertNotEqual(part(results["weir"], stated), stated, "it is no difference")

    def test_every_folder_is_compared(self):
        folders = {name for name in os.listdir(FOLDER) if os.path.isdir(os.path.join(FOLDER, name))}
        tested = {match[1].replace("_", "-") for name in dir(self) if (match := TEST.fullmatch(name))}
        self.assertEqual(tested, folders)
        with open(os.path.join(FOLDER, "README.md")) as f:
            self.assertEqual(set(re.findall(r"^- \[(.+?)\]", f.read(), re.M)), folders)

    def test_nginx_site(self):
        self.compare("nginx-site", self.start_nginx)

    def test_nginx_admin(self):
        self.compare("nginx-admin", self.start_nginx)

    def test_nginx_social(self):
        self.compare("nginx-social", self.start_nginx)

    def test_nginx_cloud(self):
        self.compare("nginx-cloud", self.start_nginx)

    def test_nginx_gateway(self):
        self.compare("nginx-gateway", self.start_nginx)

    def test_haproxy_acls(self):
        self.compare("haproxy-acls", self.start_haproxy)

    def test_haproxy_edge(self):
        self.compare("haproxy-edge", self.start_haproxy)

    def test_haproxy_saas(self):
        self.compare("haproxy-saas", self.start_haproxy)

    def test_haproxy_api(self):
        self.compare("haproxy-api", self.start_haproxy)

    def test_caddy_site(self):
        self.compare("caddy-site", self.start_caddy)

    def test_caddy_apps(self):
        self.compare("caddy-apps", self.start_caddy)

    def test_caddy_gateway(self):
        self.compare("caddy-gateway", self.start_caddy)

    def test_traefik_site(self):
        self.compare("traefik-site")

    def test_traefik_services(self):
        self.compare("traefik-services")


if __name__ == "__main__":
    main()
