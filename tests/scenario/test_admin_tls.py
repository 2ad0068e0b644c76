"""The admin API and heartbeats over TLS: certificates, clients, and connections that fail or stall."""
import json
import os
import signal
import socket
import subprocess

from support.certificates import Authority
from support.scenario import WEIR, eventually, free_port, main, web
from support.tls_clients import TlsClient
from test_beats import BeatScenario

GET = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"


class AdminTls(BeatScenario):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder())
        self.pair = self.authority.issue("localhost", "127.0.0.1")
        self.admin_port = free_port()
        self.tls = TlsClient(self, self.authority, self.admin_port)

    def admin(self, **keys):
        return f"admin: {json.dumps({'address': f'127.0.0.1:{self.admin_port}', 'tls': self.pair, **keys})}\n"

    def serve(self, **kwargs):
        kwargs.setdefault("admin_ca", self.authority.root)
        super().serve(more=self.admin(), admin_port=self.admin_port, **kwargs)

    def run_weir(self, *arguments):
        done = subprocess.run([WEIR, *arguments], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout, done.stderr

    def connect(self, **settings):
        return self.tls.connect("localhost", **settings)

    def ask(self, secure, text):
        """Sends a request and returns the status and the body of the response."""
        secure.sendall(text.encode())
        head, body = self.tls.read_response(secure)
        return int(head.split()[1]), body


class Calling(AdminTls):
    def test_a_command_trusts_the_certificate_of_the_configuration(self):
        self.serve()
        code, text, errors = self.run_weir("status", "-c", self.proxy.path, "--json")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(json.loads(text)["pid"], self.proxy.process.pid)

    def test_a_command_refuses_another_certificate_than_the_configured_one(self):
        self.serve()
        other = Authority(self.folder(), "other").issue("localhost", "127.0.0.1")
        with open(self.proxy.path) as f:
            text = f.read()
        aside = os.path.join(self.folder(), "weir.yaml")
        with open(aside, "w") as f:
            f.write(text.replace(self.pair["cert"], other["cert"]))
        code, _, errors = self.run_weir("status", "-c", aside)
        self.assertEqual(code, 1)
        self.assertIn("the TLS handshake failed: unable to get local issuer certificate", errors)

    def test_a_command_reaches_a_process_that_has_not_read_the_new_certificate(self):
        self.serve()
        self.authority.issue("localhost", "127.0.0.1", to=self.pair)
        for _ in range(2):  # the second one finds the new certificate in force
            code, _, errors = self.run_weir("reload", "-c", self.proxy.path)
            self.assertEqual((code, errors), (0, ""))

    def test_an_address_with_https_is_verified_against_the_given_authorities(self):
        self.serve()
        at = f"https://localhost:{self.admin_port}"
        self.assertEqual(self.run_weir("status", "--admin", at, "--ca", self.authority.root)[0], 0)
        code, _, errors = self.run_weir("status", "--admin", at)
        self.assertEqual(code, 1)
        self.assertIn(f"cannot reach weir at {at}: the TLS handshake failed: ", errors)
        self.assertIn("(--ca FILE names the authorities to trust)", errors)
        self.authority.issue("other.example", to=self.pair)
        self.proxy.signal(signal.SIGHUP)
        self.proxy.wait_logged("the admin API has a new certificate for other.example")
        code, _, errors = self.run_weir("status", "--admin", at, "--ca", self.authority.root)
        self.assertEqual(code, 1)
        self.assertIn("hostname mismatch", errors)
        code, _, errors = self.run_weir("status", "--admin", at, "--ca", "/none")
        self.assertIn("weir: --ca: there is no file /none", errors)

    def test_curl_is_served_with_both_versions(self):
        self.serve()
        for version in ("1.2", "1.3"):
            done = subprocess.run(
                ["curl", "-sS", "--cacert", self.authority.root, f"--tlsv{version}", "--tls-max", version]
                + [f"https://localhost:{self.admin_port}/readyz"],
                capture_output=True,
                text=True,
                timeout=30,
            )
            self.assertEqual((done.stdout, done.stderr), ("ok\n", ""))

    def test_large_bodies_pass_both_ways(self):
        """A configuration is sent whole to be planned, and its description is longer still."""
        self.serve()
        backends = [{"name": f"b{i}", "address": f"127.0.0.1:{1 + i}"} for i in range(3000)]
        aside = os.path.join(self.folder(), "weir.yaml")
        with open(aside, "w") as f:
            f.write(self.proxy.whole(web(self.port, backends, self.check, self.admin())))
        code, text, errors = self.run_weir("plan", "-c", aside, "--json")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(len([c for c in json.loads(text)["changes"] if c["kind"] == "backend"]), 3000)

    def test_origins_of_its_own_are_https(self):
        self.serve()
        secure = self.connect()
        fields = "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nOrigin: {}://localhost\r\n\r\n"
        self.assertEqual(self.ask(secure, fields.format("https"))[0], 200)
        self.assertEqual(self.ask(secure, fields.format("http"))[0], 403)


class Beating(AdminTls):
    def test_heartbeats_arrive_over_tls(self):
        self.serve()
        self.agent("--ca", self.authority.root, scheme="https")
        self.proxy.wait_up(1)

    def test_an_agent_that_does_not_trust_the_certificate_says_so(self):
        self.serve()
        agent = self.run_weir(
            *("beat", "--to", f"https://localhost:{self.admin_port}", "--pool", "web", "--backend", "b0"),
            *("--token-file", self.token_file, "--once"),
        )
        self.assertEqual(agent[0], 1)
        self.assertIn("cannot connect: the TLS handshake failed: ", agent[2])

    def test_one_connection_carries_heartbeats_and_other_requests(self):
        self.serve()
        secure, number = self.connect(), 0
        for _ in range(3):
            for _ in range(3):
                number += 1
                body = self.beat_body(number)
                head = f"POST /api/v1/beat HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
                self.assertEqual(self.ask(secure, head + body), (200, b"{}\n"))
            self.assertEqual(self.ask(secure, GET.format("/api/v1/status"))[0], 200)
        self.proxy.wait_up(1)

    def test_a_heartbeat_may_come_in_two_records(self):
        self.serve()
        secure = self.connect()
        for number in (1, 2, 3):
            body = self.beat_body(number)
            secure.sendall(f"POST /api/v1/beat HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            self.assertEqual(self.ask(secure, body), (200, b"{}\n"))

    def test_heartbeats_go_on_when_a_new_process_takes_over(self):
        self.serve()
        self.agent("--ca", self.authority.root, scheme="https")
        self.proxy.wait_up(1)
        old = self.proxy.status()["pid"]
        os.kill(old, signal.SIGUSR2)
        self.proxy.wait_replaced(old)
        self.proxy.wait_up(1)
        self.assertEqual(self.run_weir("status", "-c", self.proxy.path)[0], 0)


class Failing(AdminTls):
    def test_plain_http_is_told_to_use_https(self):
        self.serve()
        code, _, errors = self.run_weir("status", "--admin", f"127.0.0.1:{self.admin_port}")
        self.assertEqual(code, 1)
        self.assertIn("the admin API is served over TLS: use https://", errors)

    def test_https_to_a_plain_port_is_told_so(self):
        plain = self.weir(web(free_port(), [self.backend()]))
        code, _, errors = self.run_weir("status", "--admin", f"https://127.0.0.1:{plain.admin_port}")
        self.assertEqual(code, 1)
        self.assertRegex(errors, r"the TLS handshake failed: .* \(does weir serve TLS there\?")

    def test_handshakes_that_stall_or_fail_do_not_delay_others(self):
        self.serve()
        for i in range(20):
            plain = socket.create_connection(("127.0.0.1", self.admin_port), 10)
            self.addCleanup(plain.close)
            if i % 2:
                plain.sendall(b"\x16\x03\x01\x02\x00\x01")
            else:
                plain.sendall(b"garbage" * 100)
        self.assertEqual(self.proxy.admin("GET", "/readyz")[0], 200)

    def test_a_closed_connection_ends_with_close_notify(self):
        self.serve()
        secure = self.connect()
        secure.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        text = b""
        while piece := secure.recv(1000):  # raises if the end is not authentic
            text += piece
        self.assertTrue(text.endswith(b"ok\n"))


class Certificates(AdminTls):
    def fingerprint(self):
        return self.connect().getpeercert(binary_form=True)

    def test_a_changed_certificate_is_planned_and_used_without_a_restart(self):
        self.serve(watch=True)
        before = self.fingerprint()
        self.authority.issue("localhost", "127.0.0.1", to=self.pair)
        eventually(lambda: self.fingerprint() != before, "the new certificate is served")
        self.proxy.wait_logged("(?s)the admin API has a new certificate.*the admin API has a new certificate")

    def test_a_plan_shows_the_new_certificate(self):
        self.serve()
        self.authority.issue("localhost", "127.0.0.1", to=self.pair)
        status, plan = self.proxy.admin("POST", "/api/v1/plan")
        self.assertEqual(status, 200, plan)
        changes = json.loads(plan)["changes"]
        self.assertEqual([(c["kind"], c["name"]) for c in changes], [("certificate", "the admin API/localhost")])

    def test_bad_settings_are_refused_with_their_place(self):
        self.serve()
        other = self.authority.issue("localhost")
        cases = {
            json.dumps({"cert": self.pair["cert"], "key": other["key"]}): "admin.tls.key: ",
            json.dumps({"cert": self.pair["cert"]}): 'admin.tls: "key" is missing',
            json.dumps({"cert": "here.pem", "key": self.pair["key"]}): "admin.tls.cert: write an absolute path",
        }
        for tls, words in cases.items():
            self.assertIn(words, self.check_file(f'{{address: "127.0.0.1:1", tls: {tls}}}'))
        on_socket = self.check_file(f'{{address: "unix:/tmp/weir.sock", tls: {json.dumps(self.pair)}}}')
        self.assertIn("admin.tls: is not supported on a unix socket", on_socket)

    def check_file(self, admin):
        path = os.path.join(self.folder(), "weir.yaml")
        with open(path, "w") as f:
            f.write(web(free_port(), [self.behind[0]], more=f"admin: {admin}\n"))
        return self.run_weir("check", "-c", path)[2]

    def test_turning_tls_on_needs_a_restart(self):
        self.serve()
        plain = self.proxy.whole(web(self.port, self.behind, self.check))
        with open(self.proxy.path, "w") as f:
            f.write(plain)
        status, report = self.proxy.admin("POST", "/api/v1/reload?wait=1")
        self.assertEqual((status, json.loads(report)["verdict"]), (409, "refused"))


if __name__ == "__main__":
    main()
