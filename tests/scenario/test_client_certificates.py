"""Client certificates: who is served, what backends are told, and which sessions and names belong to which listener."""
import hashlib
import os
import ssl
import subprocess

from support.certificates import Authority
from support.scenario import Scenario, eventually, free_port, main, web
from support.tls_clients import TlsClient

ROUTES = """
routes:
  - match: {listeners: [web]}
    pool: web
    request_headers:
      set:
        X-Client-Subject: "{client_cert_subject}"
        X-Client-Fingerprint: "{client_cert_fingerprint}"
        X-Tls: "{tls_version} {tls_cipher} {scheme}"
"""


class ClientCertificates(Scenario):
    def setUp(self):
        super().setUp()
        self.authority, self.stranger = Authority(self.folder()), Authority(self.folder(), "stranger")
        self.pair = self.authority.issue("a.example", "b.example")
        self.own, self.foreign = self.authority.issue("customer"), self.stranger.issue("customer")
        self.port = free_port()
        self.tls = TlsClient(self, self.authority, self.port)

    def config(self, auth="require", ca=None, more=ROUTES, **keys):
        settings = {"certificates": [self.pair], "client_ca": ca or self.authority.root, "client_auth": auth}
        return web(self.port, [self.seen], listener={"tls": settings}, more=more, **keys)

    def serve(self, **keys):
        self.seen = self.backend()
        self.proxy = self.weir(self.config(**keys), workers=1)

    def get(self, host="a.example", fields="", **keys):
        return self.tls.get(self.tls.connect(**keys), host=host, fields=fields)[0]

    def assert_refused(self, **keys):
        """With TLS 1.3, the client learns of the refusal when it reads."""
        with self.assertRaises((ssl.SSLError, ConnectionResetError)):
            self.get(**keys)

    def sent(self, name):
        return self.seen.requests[-1]["fields"].get(name)


class Handshakes(ClientCertificates):
    def test_a_valid_certificate_is_required(self):
        self.serve(auth="require")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            limits = {"minimum_version": version, "maximum_version": version}
            self.assertIn(" 200 ", self.get(pair=self.own, **limits))
            self.assert_refused(**limits)
            self.assert_refused(pair=self.foreign, **limits)
        self.proxy.wait_logged("tls_handshake_failed: peer did not return a certificate")
        self.proxy.wait_logged("tls_handshake_failed: (self-signed certificate in|unable to get local issuer)")
        expired = self.authority.issue("customer", at="2020-01-01 00:00:00")
        self.assert_refused(pair=expired)
        self.proxy.wait_logged("tls_handshake_failed: certificate has expired")
        self.assertEqual(len(self.seen.requests), 2)

    def test_a_requested_certificate_may_be_left_out_but_not_be_wrong(self):
        self.serve(auth="request")
        self.assertIn(" 200 ", self.get())
        self.assertIn(" 200 ", self.get(pair=self.own))
        self.assert_refused(pair=self.foreign)

    def test_backends_are_told_the_subject_and_the_fingerprint(self):
        self.serve(auth="request")
        forged = "X-Client-Subject: CN=admin\r\nX_Client_Subject: CN=admin\r\nX-Client-Fingerprint: 00\r\n"
        self.assertIn(" 200 ", self.get(pair=self.own, fields=forged))
        self.assertEqual(self.sent("x-client-subject"), "CN=customer")
        with open(self.own["cert"]) as f:
            first, end, _ = f.read().partition("-----END CERTIFICATE-----")
        der = ssl.PEM_cert_to_DER_cert(first + end)
        self.assertEqual(self.sent("x-client-fingerprint"), hashlib.sha256(der).hexdigest())
        self.assertEqual(self.sent("x-tls"), "TLSv1.3 TLS_AES_128_GCM_SHA256 https")
        self.assertIsNone(self.sent("x_client_subject"))

    def test_without_a_certificate_no_header_of_it_is_sent(self):
        self.serve(auth="request")
        self.assertIn(" 200 ", self.get(fields="X-Client-Subject: CN=admin\r\nx-client-fingerprint: 00\r\n"))
        self.assertIsNone(self.sent("x-client-subject"))
        self.assertIsNone(self.sent("x-client-fingerprint"))

    def test_a_resumed_session_keeps_the_verified_certificate(self):
        self.serve(auth="require")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.tls.context(pair=self.own, minimum_version=version, maximum_version=version)
            first = self.tls.connect(context=context)
            self.tls.get(first)
            again = self.tls.connect(context=context, session=first.session)
            self.assertIn(" 200 ", self.tls.get(again)[0])
            self.assertTrue(again.session_reused)
            self.assertEqual(self.sent("x-client-subject"), "CN=customer")


class Names(ClientCertificates):
    def test_a_host_other_than_the_requested_name_is_misdirected(self):
        self.serve()
        for host, name, status in (
            ("a.example", "a.example", 200),
            ("A.Example.", "a.example", 200),
            (f"a.example:{self.port}", "a.example", 200),
            ("b.example", "a.example", 421),
            ("a.example", "b.example", 421),
            ("a.example.evil", "a.example", 421),
        ):
            with self.subTest(host=host, name=name):
                head = self.get(host=host, name=name, pair=self.own)
                self.assertIn(f" {status} ", head)
        self.assertRegex(head, "(?i)connection: close")
        self.proxy.wait_logged("misdirected_request")

    def test_the_requested_name_counts_on_a_resumed_connection(self):
        self.serve()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.tls.context(pair=self.own, minimum_version=version, maximum_version=version)
            first = self.tls.connect(context=context)
            self.tls.get(first)
            again = self.tls.connect("b.example", context=context, session=first.session)
            self.assertIn(" 421 ", self.tls.get(again)[0])

    def test_other_listeners_serve_any_host(self):
        self.seen = self.backend()
        settings = {"tls": {"certificates": [self.pair]}}
        self.proxy = self.weir(web(self.port, [self.seen], listener=settings), workers=1)
        self.assertIn(" 200 ", self.get(host="b.example", name="a.example"))


class Policies(ClientCertificates):
    def test_a_session_of_another_listener_is_not_resumed(self):
        self.seen = self.backend()
        open_port = free_port()
        free = {"address": f"127.0.0.1:{open_port}", "pool": "web", "tls": {"certificates": [self.pair]}}
        for auth in ("require", "request"):
            with self.subTest(auth):
                proxy = self.weir(self.config(auth=auth, listeners={"open": free}), workers=1)
                for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                    context = self.tls.context(minimum_version=version, maximum_version=version)
                    anyone = TlsClient(self, self.authority, open_port)
                    first = anyone.connect(context=context)
                    anyone.get(first)
                    if auth == "require":
                        self.assert_refused(context=context, session=first.session)
                    else:
                        again = self.tls.connect(context=context, session=first.session)
                        self.assertFalse(again.session_reused)
                self.proxy = proxy
                proxy.stop()

    def test_a_session_of_earlier_rules_is_not_resumed(self):
        self.serve(auth="request")
        context = self.tls.context()
        first = self.tls.connect(context=context)
        self.tls.get(first)
        self.assertEqual(self.proxy.reload(self.config(auth="require"))["verdict"], "applied")
        self.assert_refused(context=context, session=first.session)

    def test_an_open_connection_does_not_outlive_its_rules(self):
        self.serve(auth="request")
        secure = self.tls.connect()
        self.assertIn(" 200 ", self.tls.get(secure)[0])
        same = self.config(auth="request", more=ROUTES + "limits: {header_count: 90}\n")
        self.assertEqual(self.proxy.reload(same)["verdict"], "applied")
        self.assertIn(" 200 ", self.tls.get(secure)[0])
        self.assertEqual(self.proxy.reload(self.config(auth="require"))["verdict"], "applied")
        self.assertIn(" 421 ", self.tls.get(secure)[0])

    def test_an_identity_does_not_outlive_its_rules(self):
        self.serve(auth="request")
        secure = self.tls.connect(pair=self.own)
        self.assertIn(" 200 ", self.tls.get(secure)[0])
        free = web(self.port, [self.seen], listener={"tls": {"certificates": [self.pair]}}, more=ROUTES)
        self.assertEqual(self.proxy.reload(free)["verdict"], "applied")
        self.assertIn(" 421 ", self.tls.get(secure)[0])
        self.assertEqual(len(self.seen.requests), 1)

    def test_a_changed_authority_takes_effect_by_itself(self):
        ca = os.path.join(self.folder(), "ca.pem")
        subprocess.run(["cp", self.stranger.root, ca], check=True)
        self.seen = self.backend()
        self.proxy = self.weir(self.config(ca=ca), workers=1, watch=True)
        self.assert_refused(pair=self.own)
        subprocess.run(["cp", self.authority.root, ca + ".new"], check=True)
        os.rename(ca + ".new", ca)
        eventually(self.is_served, "the new authority is trusted")

    def is_served(self):
        try:
            return " 200 " in self.get(pair=self.own)
        except OSError:
            return False


class Files(ClientCertificates):
    def test_a_missing_or_empty_authority_refuses_the_configuration(self):
        self.serve()
        empty = os.path.join(self.folder(), "empty.pem")
        with open(empty, "w"):
            pass
        for ca, words in (("/none/ca.pem", "there is no file"), (empty, "is empty; write"), ("ca.pem", "absolute")):
            with self.subTest(words):
                report = self.proxy.reload(self.config(ca=ca))
                self.assertEqual(report["verdict"], "refused")
                self.assertIn(words, str(report))
        self.assertIn(" 200 ", self.get(pair=self.own))
        self.assert_refused()

    def test_an_unknown_variable_is_refused(self):
        self.serve()
        report = self.proxy.reload(self.config(more=ROUTES.replace("{scheme}", "{client_cert_subjct}")))
        self.assertIn(
            'unknown variable "client_cert_subjct" (did you mean "client_cert_subject"?)', report["errors"][0]
        )


if __name__ == "__main__":
    main()
