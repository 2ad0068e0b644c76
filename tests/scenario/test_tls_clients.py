"""TLS as real clients see it: browsers, languages, and scanners that look for weaknesses."""
import json
import os
import re
import subprocess

from support.certificates import Authority
from support.chromium import chromium
from support.scenario import SANITIZED, SOURCE, Scenario, free_port, main, web

CIPHERS = {
    "TLSv1.2": {
        *("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        *("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"),
    },
    "TLSv1.3": {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"},
}
GROUPS = {"x25519", "secp256r1", "secp384r1"}

NODE = """
const https = require("https"), fs = require("fs");
const [url, ca, version] = process.argv.slice(1);
const agent = new https.Agent({keepAlive: true, maxSockets: 1});
const options = {ca: fs.readFileSync(ca), agent, minVersion: version, maxVersion: version};
const fetch = left => https.get(url, options, res => {
  let body = "";
  res.on("data", piece => body += piece);
  res.on("end", () => { console.log(res.statusCode, body); if (left > 1) fetch(left - 1); });
});
fetch(3);
"""


class Clients(Scenario):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder())
        self.port = free_port()
        self.url = f"https://localhost:{self.port}/page"
        more = ("authorityInfoAccess=OCSP;URI:http://ocsp.example/",)
        pairs = [self.authority.issue("localhost", key=key, days=300, more=more) for key in ("ec", "rsa")]
        pairs = [{**pair, "ocsp": self.authority.staple(pair)} for pair in pairs]
        self.seen = self.backend()
        self.proxy = self.weir(web(self.port, [self.seen], listener={"tls": {"certificates": pairs}}), workers=1)

    def run_client(self, *command, **environment):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


class Languages(Clients):
    def test_curl(self):
        for version in ("1.2", "1.3"):
            said = self.run_client(
                *("curl", "-sS", "--cacert", self.authority.root, f"--tlsv{version}", "--tls-max", version, self.url)
            )
            self.assertEqual(said, "b /page")

    def test_node(self):
        for version in ("TLSv1.2", "TLSv1.3"):
            said = self.run_client("node", "-e", NODE, self.url, self.authority.root, version)
            self.assertEqual(said, "200 b /page\n" * 3)

    def test_java(self):
        program = os.path.join(SOURCE, "tests/scenario/support/Fetch.java")
        for version in ("TLSv1.2", "TLSv1.3"):
            said = self.run_client("java", program, self.url, self.authority.root, version, "3")
            self.assertEqual(said, "200 b /page\n" * 3)

    def test_chromium(self):
        browser, home = chromium(self, self.authority.root)
        browser += ["--dump-dom", self.url]
        self.assertIn("b /page", self.run_client(*browser, HOME=home))
        page = [request for request in self.seen.requests if request["target"] == "/page"]
        self.assertEqual(page[0]["fields"]["x-forwarded-proto"], "https")


class Scanners(Clients):
    def test_only_strong_ciphers_and_groups_are_offered(self):
        said = self.run_client("sslscan", "--xml=-", "--no-colour", f"localhost:{self.port}")
        offered = re.findall(r'<cipher status="(\w+)" sslversion="([^"]+)" bits="\d+" cipher="([^"]+)"', said)
        found = {}
        for _, version, cipher in offered:
            found.setdefault(version, set()).add(cipher)
        self.assertEqual(found, CIPHERS)
        preferred = {version: cipher for status, version, cipher in offered if status == "preferred"}
        self.assertEqual(preferred, {"TLSv1.2": "ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.3": "TLS_AES_128_GCM_SHA256"})
        groups = set(re.findall(r'<group sslversion="TLSv1.3" bits="\d+" name="(\w+)', said))
        self.assertEqual(groups, GROUPS)
        for protocol in re.findall(r'<protocol type="\w+" version="([\d.]+)" enabled="1"', said):
            self.assertIn(protocol, ("1.2", "1.3"))
        self.assertIn('<renegotiation supported="0"', said)
        self.assertNotIn('vulnerable="1"', said)

    def test_a_thorough_scan_finds_nothing_worth_mending(self):
        if SANITIZED:
            return  # it takes minutes, and looks at what is negotiated, not at how
        findings = self.scan()
        for _ in range(2):
            if any(one["severity"] == "WARN" for one in findings):  # what the scanner could not look at, if it is slow
                findings = self.scan()
        self.assertEqual([f"{one['id']}: {one['finding']}" for one in findings], [])

    def scan(self):
        """Returns the findings about weir."""
        report = os.path.join(self.folder(), "report.json")
        subprocess.run(
            ["testssl", "--quiet", "--color", "0", "--add-ca", self.authority.root, "--jsonfile", report]
            + ["--severity", "LOW", "--ip", "127.0.0.1", f"localhost:{self.port}"],
            capture_output=True,
            timeout=600,
        )
        with open(report) as f:
            findings = json.load(f)
        self.assertTrue([one for one in findings if one["id"] == "HSTS"], "the scan is complete")
        of_the_site = ("HSTS", "security_headers", "DNS_CAArecord")  # its backend and its zone
        # The scanner may leave before the ticket has come, which TLS 1.3 sends after the handshake.
        of_the_scanner = ("sessionresumption_ticket",)
        return [
            one
            for one in findings
            if one["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL", "WARN")
            and not one["id"].startswith(of_the_site + of_the_scanner)
        ]


if __name__ == "__main__":
    main()
