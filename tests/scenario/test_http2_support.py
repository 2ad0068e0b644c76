"""The scripted HTTP/2 backend of these tests, as curl, nghttp and h2load see it: no weir is involved."""
import re
import subprocess

from support import http2_frames as h2
from support.certificates import Authority
from support.http2 import Http2Client
from support.http2_server import Http2Server
from support.scenario import Scenario, main

BODY = b"0123456789abcdef" * 20_000


class ScriptedBackend(Scenario):
    def start_backend(self, *args, **keys):
        self.backend = Http2Server(*args, **keys)
        self.backend.waits_for_settings = False  # these clients do not
        self.addCleanup(self.backend.close)
        self.url = f"http://{self.backend.address}"

    def run_client(self, *command, code=0):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def curl(self, *arguments, **keys):
        format = "\\n%{http_version} %{http_code} %{num_connects} %{size_download}\\n"
        return self.run_client("curl", "-sS", "--http2-prior-knowledge", "-w", format, *arguments, **keys)

    def connect(self):
        client = Http2Client(self.backend.port)
        self.addCleanup(client.close)
        return client

    def test_curl_is_answered(self):
        self.start_backend()
        self.assertEqual(self.curl(f"{self.url}/x"), "b /x\n2 200 1 4\n")
        self.assertTrue(self.curl("-I", f"{self.url}/x").endswith("2 200 1 0\n"))
        self.assertEqual(self.backend.paths(), ["/x", "/x"])
        self.assertEqual(self.backend.violations, [])

    def test_large_bodies_pass_both_ways(self):
        self.start_backend()
        path = f"{self.folder()}/body"
        with open(path, "wb") as f:
            f.write(BODY)
        said = self.curl("-T", path, "-o", "/dev/null", f"{self.url}/upload")
        self.assertEqual(said, f"\n2 200 1 {len(BODY)}\n")
        self.assertTrue(self.backend.calls[0].body == BODY)
        self.assertEqual(self.backend.violations, [])

    def test_a_reset_reaches_curl(self):
        self.start_backend(lambda call: call.send_reset(h2.REFUSED_STREAM))
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", self.url], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(self.backend.calls)

    def test_nghttp_sees_settings_trailers_and_goaway(self):
        def script(call):
            call.respond(b"body", trailers=[("x-sum", "4")])
            call.link.goaway(call.id)

        self.start_backend(script, settings=[(h2.MAX_CONCURRENT_STREAMS, 7)])
        said = self.run_client("nghttp", "-nv", "--no-dep", f"{self.url}/x")
        for text in ("SETTINGS_MAX_CONCURRENT_STREAMS(0x03):7", ":status: 200", "x-sum: 4", "GOAWAY"):
            self.assertIn(text, said)
        self.assertEqual(self.backend.violations, [])

    def test_h2load_is_served_over_tls(self):
        authority = Authority(self.folder())
        self.start_backend(pair=authority.issue("localhost"))
        said = self.run_client("h2load", "-n", "500", "-c", "3", "-m", "20", f"https://localhost:{self.backend.port}/x")
        self.assertIn("500 succeeded, 0 failed, 0 errored, 0 timeout", said)
        self.assertEqual([one["alpn"] for one in self.backend.handshakes[-3:]], ["h2"] * 3)
        self.assertEqual(self.backend.violations, [])
        said = self.curl("--cacert", authority.root, "--http2", f"https://localhost:{self.backend.port}/x")
        self.assertTrue(re.match(r"b /x\n2 200", said), said)

    def test_a_client_that_breaks_rules_is_blamed(self):
        cases = {
            "upper case": [h2.headers(1, h2.block([*h2.head(), ("X-Upper", "1")]))],
            "connection": [h2.headers(1, h2.block(h2.head(more=[("connection", "close")])))],
            "no path": [h2.headers(1, h2.block(h2.head(path=None)))],
            "even stream": [h2.headers(2, h2.block(h2.head()))],
            "too many": [h2.headers(number, h2.block(h2.head()), end=False) for number in (1, 3, 5)],
            "length": [h2.headers(1, h2.block(h2.head("POST", more=[("content-length", "3")])), end=True)],
            "window": [h2.headers(1, h2.block(h2.head("POST")), end=False), *[h2.data(1, b"x" * 16_000)] * 5],
            "late data": [h2.headers(1, h2.block(h2.head())), h2.data(1, b"x")],
            "idle data": [h2.data(1, b"x")],
        }
        for name, frames in cases.items():
            with self.subTest(name):
                self.start_backend(lambda call: None, settings=[(h2.MAX_CONCURRENT_STREAMS, 2)])
                client = self.connect()
                client.wait(lambda c=client: c.has_settings, "SETTINGS")
                self.backend.links[0].holds = True
                client.send(b"".join(frames))
                client.ping()
                self.assertEqual(len(self.backend.violations), 1, self.backend.violations)

    def test_a_stream_after_goaway_is_blamed(self):
        self.start_backend()
        client = self.connect()
        client.get()
        self.backend.links[0].goaway(1)
        client.wait(lambda: client.goaways, "GOAWAY")
        client.get()
        self.assertRegex(self.backend.violations[0], "after GOAWAY")


if __name__ == "__main__":
    main()
