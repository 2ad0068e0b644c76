"""Files beside a certificate: OCSP responses and ticket keys; and how a plan shows that a certificate has changed."""
import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading

from support.certificates import Authority
from support.scenario import SANITIZED, WEIR, Scenario, can_connect, eventually, free_port, main, web
from support.tls_clients import TlsClient

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class TlsFiles(Scenario):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder())
        self.pair = self.authority.issue("a.example")
        self.port = free_port()
        self.tls = TlsClient(self, self.authority, self.port)
        self.seen = self.backend()

    def config(self, certificates=None, more="", **tls):
        listener = {"tls": {"certificates": certificates or [self.pair], **tls}}
        return web(self.port, [self.seen], listener=listener, more=more)

    def serve(self, *args, watch=False, **keys):
        self.proxy = self.weir(self.config(*args, **keys), workers=2, watch=watch)

    def write(self, text, name="file"):
        path = os.path.join(self.folder(), name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o600)
        return path

    def fingerprint(self):
        said = subprocess.run(
            ["openssl", "x509", "-in", self.pair["cert"], "-noout", "-fingerprint", "-sha256"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return said.strip().split("=")[1].replace(":", "").lower()

    def assert_refused(self, words, *args, **keys):
        report = self.proxy.reload(self.config(*args, **keys))
        self.assertEqual(report["verdict"], "refused")
        self.assertIn(words, report["errors"][0])


class Stapling(TlsFiles):
    def stapled(self, *arguments):
        """Returns the certificate status that a client receives; None if none is stapled."""
        said = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-servername", "a.example", "-status"]
            + list(arguments),
            input="",
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout
        if "OCSP response: no response sent" in said:
            return None
        return next(line.split(": ")[1] for line in said.splitlines() if "Cert Status" in line)

    def with_staple(self, pair, **keys):
        return {**pair, "ocsp": self.authority.staple(pair, **keys)}

    def test_the_response_is_sent_to_clients_that_ask(self):
        self.serve([self.with_staple(self.pair)])
        for version in ("-tls1_2", "-tls1_3"):
            self.assertEqual(self.stapled(version), "good")
        self.assertIn(" 200 ", self.tls.get(self.tls.connect())[0])

    def test_each_certificate_has_its_own(self):
        rsa = self.authority.issue("a.example", key="rsa")
        self.serve([self.with_staple(self.pair), rsa])
        self.assertEqual(self.stapled("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), "good")
        self.assertIsNone(self.stapled("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"))

    def test_a_response_out_of_date_is_not_sent(self):
        self.serve([self.with_staple(self.pair, at="2020-01-01 00:00:00")])
        self.assertIsNone(self.stapled())
        self.proxy.wait_logged("OCSP response of listener web for a.example is out of date")
        self.assertIn(" 200 ", self.tls.get(self.tls.connect())[0])

    def test_a_response_that_cannot_be_right_is_refused(self):
        self.serve()
        stranger = Authority(self.folder(), "stranger")
        other = self.authority.issue("a.example")
        alone = self.authority.issue("a.example", chain=False)
        staple = self.authority.staple(self.pair)
        for words, pair, ocsp in (
            ("was revoked: replace the certificate", self.pair, self.authority.staple(self.pair, status="R")),
            ("is about another certificate", other, staple),
            ("is about another certificate", self.pair, stranger.staple(stranger.issue("a.example"))),
            ("lacks the certificate of its issuer", alone, staple),
            ("holds no successful OCSP response", self.pair, self.pair["cert"]),
            ("there is no file /none/staple", self.pair, "/none/staple"),
        ):
            with self.subTest(words):
                self.assert_refused(words, [{**pair, "ocsp": ocsp}])
        with open(staple, "rb") as f:
            damaged = bytearray(f.read())
        damaged[-5] ^= 1  # within the signature
        with open(staple, "wb") as f:
            f.write(damaged)
        self.assertEqual(self.proxy.reload(self.config([{**self.pair, "ocsp": staple}]))["verdict"], "refused")
        self.assertIsNone(self.stapled())

    def test_a_renewed_response_is_used_without_a_reload(self):
        entry = self.with_staple(self.pair, at="2020-01-01 00:00:00")
        self.serve([entry], watch=True)
        self.assertIsNone(self.stapled())
        shutil.move(self.authority.staple(self.pair), entry["ocsp"])
        eventually(lambda: self.stapled() == "good", "the new response is sent")


class TicketKeys(TlsFiles):
    def keys(self, *numbers):
        return "".join(base64.b64encode(bytes([number] * 80)).decode() + "\n" for number in numbers)

    def resumes(self, port, other=None, version=ssl.TLSVersion.TLSv1_3):
        """Returns True if a session of one port is resumed on the other."""
        context = self.tls.context(minimum_version=version, maximum_version=version)
        first = TlsClient(self, self.authority, port).connect(context=context)
        self.tls.get(first)
        return (
            TlsClient(self, self.authority, other or port)
            .connect(context=context, session=first.session)
            .session_reused
        )

    def another(self, path):
        """Starts another machine of the fleet; returns its port."""
        port, self.port = self.port, free_port()
        self.weir(self.config(session_ticket_keys=path), workers=1)
        port, self.port = self.port, port
        return port

    def test_machines_with_the_same_keys_resume_each_others_sessions(self):
        self.serve(session_ticket_keys=self.write(self.keys(1, 2)))
        moved, foreign = self.another(self.write(self.keys(2, 1))), self.another(self.write(self.keys(3)))
        for version in VERSIONS:
            self.assertTrue(self.resumes(self.port, version=version))
            self.assertTrue(self.resumes(self.port, moved, version))
            self.assertTrue(self.resumes(moved, self.port, version))
            self.assertFalse(self.resumes(self.port, foreign, version))

    def test_changed_keys_are_used_without_a_reload(self):
        path = self.write(self.keys(1))
        self.serve(session_ticket_keys=path, watch=True)
        fleet = self.another(self.write(self.keys(2)))
        self.assertFalse(self.resumes(self.port, fleet))
        shutil.move(self.write(self.keys(2, 1)), path)
        eventually(lambda: self.resumes(self.port, fleet), "the new keys are used")
        self.assertNotIn("can be read by its group or other users", self.proxy.log())

    def test_files_without_usable_keys_are_refused(self):
        self.serve()
        for words, text in (
            ("is empty; write session ticket keys", ""),
            ("contains no session ticket key", "\n\n"),
            ("key 2 in", self.keys(1) + "short\n"),
            ("key 1 in", base64.b64encode(bytes(48)).decode()),
            ("more than 16 keys", self.keys(*range(17))),
        ):
            with self.subTest(words):
                self.assert_refused(words, session_ticket_keys=self.write(text))
        self.assertTrue(self.resumes(self.port))

    def test_ten_thousand_tickets_of_an_old_key_get_full_handshakes(self):
        path, count = self.write(self.keys(1)), 400 if SANITIZED else 10_000
        self.serve(session_ticket_keys=path)
        context = self.tls.context(minimum_version=ssl.TLSVersion.TLSv1_3)
        first = self.tls.connect(context=context)
        self.tls.get(first)
        with open(path, "w") as f:
            f.write(self.keys(2))
        self.proxy.reload()
        resumed = []

        def connect():
            for _ in range(count // 4):
                with socket.create_connection(("127.0.0.1", self.port), 30) as plain:
                    with context.wrap_socket(plain, server_hostname="a.example", session=first.session) as secure:
                        resumed.append(secure.session_reused)

        threads = [threading.Thread(target=connect) for _ in range(4)]
        for thread in threads:
            thread.start()
        self.assertIn(" 200 ", self.tls.get(self.tls.connect())[0])
        for thread in threads:
            thread.join()
        self.assertEqual((len(resumed), any(resumed)), (count, False))
        metrics = self.proxy.metrics()
        self.assertEqual(metrics['weir_tls_handshake_failures_total{listener="web"}'], 0)
        self.assertEqual(metrics['weir_tls_resumed_total{listener="web"}'], 0)

    def test_keys_that_others_can_read_are_reported(self):
        path = self.write(self.keys(1))
        os.chmod(path, 0o644)
        self.serve(session_ticket_keys=path)
        self.proxy.wait_logged(f"the session ticket key file {path} can be read by its group or other users")

    def test_sessions_outlive_an_upgrade(self):
        self.serve()
        for version in VERSIONS:
            context = self.tls.context(minimum_version=version, maximum_version=version)
            first = self.tls.connect(context=context)
            self.tls.get(first)
            pid = self.proxy.status()["pid"]
            os.kill(pid, signal.SIGUSR2)
            self.proxy.wait_replaced(pid)
            again = self.tls.connect(context=context, session=first.session)
            self.assertTrue(again.session_reused)
            self.assertIn(" 200 ", self.tls.get(again)[0])


class Plans(TlsFiles):
    def test_a_changed_certificate_is_shown_by_its_fingerprint(self):
        self.serve()
        old = self.fingerprint()
        self.assertEqual(self.plan()["verdict"], "unchanged")
        self.authority.issue("a.example", to=self.pair)
        plan = self.plan()
        self.assertEqual(plan["verdict"], "applied")
        change = plan["changes"][0]
        self.assertEqual((change["kind"], change["name"]), ("certificate", "listener web/a.example"))
        self.assertEqual(change["fields"][0]["before"], old)
        self.assertEqual(change["fields"][0]["after"], self.fingerprint())
        code, text, _ = self.proxy.command("plan", "-c", self.proxy.path)
        self.assertIn(f"~ certificate listener web/a.example: fingerprint {old} → {self.fingerprint()}", text)
        self.proxy.reload()
        self.assertEqual(self.plan()["verdict"], "unchanged")

    def test_other_changed_files_are_shown_by_their_hash(self):
        keys = self.write(base64.b64encode(bytes(80)).decode())
        with open(self.authority.root) as f:
            ca = self.write(f.read(), "ca.pem")
        self.serve(client_ca=ca, client_auth="request", session_ticket_keys=keys)
        self.assertEqual(self.plan()["verdict"], "unchanged")
        for path in (keys, ca):
            with open(path, "a") as f:
                f.write("\n")
        changes = self.plan()["changes"]
        self.assertEqual([(c["kind"], c["name"]) for c in changes], sorted([("file", ca), ("file", keys)]))
        self.assertEqual({c["fields"][0]["key"] for c in changes}, {"sha256"})
        self.proxy.reload()
        self.assertEqual(self.plan()["verdict"], "unchanged")

    def plan(self):
        done = subprocess.run(
            [WEIR, "plan", "-c", self.proxy.path, "--json"], capture_output=True, text=True, timeout=30
        )
        return json.loads(done.stdout)


class RollingBack(TlsFiles):
    def test_a_rollback_needs_no_file(self):
        """It restores the certificates of the old configuration even if they have vanished from the disk."""
        rules = "reload: {watch: false, rollback: {window: 20s}}\n"
        check = {"type": "http", "path": "/", "interval": "200ms", "timeout": "200ms", "fall": 9, "rise": 1}
        listener = {"tls": {"certificates": [self.pair]}}
        self.proxy = self.weir(web(self.port, [self.seen], check, rules, listener=listener), workers=2)
        self.proxy.wait_up(1)
        before, moved, reports = self.tls.connect().getpeercert(), free_port(), []
        bad = web(moved, [f"127.0.0.1:{free_port()}"], check, rules)
        thread = threading.Thread(target=lambda: reports.append(self.proxy.reload(bad)))
        thread.start()
        eventually(lambda: can_connect(moved) or reports, "the new configuration is in force")
        os.remove(self.pair["cert"])
        os.remove(self.pair["key"])
        thread.join()
        self.assertEqual(reports[0]["verdict"], "rolled_back")
        secure = self.tls.connect()
        self.assertEqual(secure.getpeercert(), before)
        self.assertIn(" 200 ", self.tls.get(secure)[0])

    def has_certificate(self, fingerprint):
        return hashlib.sha256(self.tls.connect().getpeercert(binary_form=True)).hexdigest() == fingerprint

    def assert_renewed(self):
        """Renews the certificate and waits until clients see it."""
        self.authority.issue("a.example", to=self.pair)
        eventually(lambda: self.has_certificate(self.fingerprint()), "the certificate is renewed")

    def test_a_certificate_is_renewed_while_the_file_on_disk_is_refused(self):
        self.serve(watch=True)
        self.proxy.write("listeners: {}\n")
        self.proxy.wait_logged("reload refused")
        self.assert_renewed()
        self.assert_renewed()  # its files are still watched

    def test_a_certificate_is_renewed_on_HUP_without_watch(self):
        self.serve(watch=False)
        self.proxy.write("listeners: {}\n")
        self.authority.issue("a.example", to=self.pair)
        self.assertFalse(self.has_certificate(self.fingerprint()))
        self.proxy.signal(signal.SIGHUP)
        eventually(lambda: self.has_certificate(self.fingerprint()), "the certificate is renewed")

    def test_a_certificate_is_renewed_after_a_rollback(self):
        rules = "reload: {rollback: {window: 20s}}\n"
        check = {"type": "http", "path": "/", "interval": "200ms", "timeout": "200ms", "fall": 9, "rise": 1}
        listener = {"tls": {"certificates": [self.pair]}}
        self.proxy = self.weir(web(self.port, [self.seen], check, rules, listener=listener), watch=True)
        self.proxy.wait_up(1)
        bad = web(free_port(), [f"127.0.0.1:{free_port()}"], check, rules)
        self.assertEqual(self.proxy.reload(bad)["verdict"], "rolled_back")
        self.assert_renewed()

    def test_certificates_that_were_rolled_back_stay_out(self):
        rules = "reload: {watch: false, rollback: {window: 20s}}\n"
        check = {"type": "http", "path": "/", "interval": "200ms", "timeout": "200ms", "fall": 9, "rise": 1}
        listener = {"tls": {"certificates": [self.pair]}}
        self.proxy = self.weir(web(self.port, [self.seen], check, rules, listener=listener))
        self.proxy.wait_up(1)
        before = self.fingerprint()
        self.authority.issue("a.example", to=self.pair)
        bad = web(self.port, [f"127.0.0.1:{free_port()}"], check, rules, listener=listener)
        self.assertEqual(self.proxy.reload(bad)["verdict"], "rolled_back")
        self.proxy.signal(signal.SIGHUP)
        self.proxy.wait_logged("certificates are not renewed: a TLS file still has what a change brought")
        self.assertTrue(self.has_certificate(before))
        self.authority.issue("a.example", to=self.pair)
        self.proxy.signal(signal.SIGHUP)
        eventually(lambda: self.has_certificate(self.fingerprint()), "another certificate is renewed")

    def test_a_bad_pair_replaces_nothing_while_the_file_is_refused(self):
        self.serve(watch=True)
        self.proxy.write("listeners: {}\n")
        self.proxy.wait_logged("reload refused")
        before = self.fingerprint()
        shutil.copy(self.authority.issue("a.example")["key"], self.pair["key"])
        self.proxy.wait_logged("the earlier files stay in force")
        self.assertTrue(self.has_certificate(before))
        self.assert_renewed()


if __name__ == "__main__":
    main()
