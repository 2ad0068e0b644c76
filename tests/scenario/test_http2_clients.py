"""HTTP/2 as real clients speak it: curl, nghttp, h2load, Node, Python and Chromium."""
import os
import re
import subprocess
import sys

from support.certificates import Authority
from support.chromium import chromium
from support.http2_scenario import accept_of, respond
from support.peers import Reader
from support.scenario import SANITIZED, Scenario, eventually, free_port, main, web

REQUESTS = 2_000 if SANITIZED else 10_000
BODY = b"0123456789abcdef" * 20_000

NODE = """
const http2 = require("http2"), fs = require("fs");
const [url, ca] = process.argv.slice(1);
const client = http2.connect(url, {ca: fs.readFileSync(ca)});
let left = 20;
for (let i = 0; i < 20; i++) {
  const stream = client.request({":path": "/" + i, ":method": "POST"});
  let body = "";
  stream.on("response", headers => console.log(headers[":status"]));
  stream.on("data", piece => body += piece);
  stream.on("end", () => { console.log(body.length); if (--left == 0) client.close(); });
  stream.end("x".repeat(i * 10000 + 1));
}
"""

HTTPX = """
import ssl, sys
sys.path.append("/usr/lib/python3/dist-packages")
import httpx
with httpx.Client(http2=True, verify=ssl.create_default_context(cafile=sys.argv[2])) as client:
    for number in range(20):
        answer = client.post(sys.argv[1], content=b"x" * (number * 10_000 + 1))
        print(answer.http_version, answer.status_code, len(answer.content))
"""

PAGE = """<!doctype html><title>page</title><body><script>
const report = text => fetch("/report", {method: "POST", body: text});
const done = Array.from({length: 200}, (_, i) => fetch("/resource/" + i).then(answer => answer.text()));
const echo = new Promise((resolve, reject) => {
  const socket = new WebSocket("wss://" + location.host + "/socket");
  socket.onopen = () => socket.send("hello");
  socket.onmessage = event => { socket.close(); resolve(event.data); };
  socket.onerror = () => reject("the WebSocket failed");
});
Promise.all([...done, echo]).then(all => {
  const entries = performance.getEntriesByType("resource").filter(one => one.name.includes("/resource/"));
  const protocols = [...new Set(entries.map(one => one.nextHopProtocol))];
  const page = performance.getEntriesByType("navigation")[0].nextHopProtocol;
  report([page, ...protocols, entries.length, all.at(-1)].join(" "));
}).catch(problem => report("failed: " + problem));
</script>"""


class Clients(Scenario):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder())
        self.pair = self.authority.issue("localhost", days=300)
        self.sockets = []  # the heads of WebSocket handshakes
        self.seen = self.backend(self.script)
        self.port, self.plain_port = free_port(), free_port()
        plain = {"plain": {"address": f"127.0.0.1:{self.plain_port}", "pool": "web", "http2": True}}
        self.config = web(self.port, [self.seen], listener={"tls": {"certificates": [self.pair]}}, listeners=plain)
        self.proxy = self.weir(self.config, workers=2)
        self.url, self.plain_url = f"https://localhost:{self.port}", f"http://127.0.0.1:{self.plain_port}"

    def script(self, connection, request):
        if request["target"] == "/page":
            return respond(connection, PAGE.encode(), extra="Content-Type: text/html\r\n")
        if request["target"] == "/large":
            return respond(connection, BODY)
        if request["target"] == "/socket":
            self.sockets.append(request["fields"])
            key = accept_of(request["fields"]["sec-websocket-key"])
            connection.sendall(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {key}\r\n\r\n".encode()
            )
            return self.echo_message(connection)
        self.seen.echo(connection, request)

    def echo_message(self, connection):
        """Sends one short message back, then waits for the client to close."""
        reader = Reader(connection)
        _, length = reader.exactly(2)
        mask = reader.exactly(4)
        text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(reader.exactly(length & 0x7F)))
        connection.sendall(bytes([0x81, len(text)]) + text)
        connection.recv(1000)
        raise OSError("over")

    def run_client(self, *command, **environment):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


class Tools(Clients):
    def curl(self, *arguments):
        format = "\\n%{http_version} %{http_code} %{num_connects} %{size_download}\\n"
        return self.run_client("curl", "-sS", "--cacert", self.authority.root, "-w", format, *arguments)

    def test_curl(self):
        self.assertEqual(self.curl(f"{self.url}/x"), "b /x\n2 200 1 4\n")
        self.assertEqual(self.curl("--http1.1", f"{self.url}/x"), "b /x\n1.1 200 1 4\n")
        self.assertEqual(self.curl("--http2-prior-knowledge", f"{self.plain_url}/x"), "b /x\n2 200 1 4\n")
        self.assertEqual(self.curl("--http2", f"{self.plain_url}/x"), "b /x\n1.1 200 1 4\n")  # no upgrade to h2c
        self.assertTrue(self.curl("-I", f"{self.url}/x").endswith("2 200 1 0\n"))

    def test_curl_uploads(self):
        path = os.path.join(self.folder(), "body")
        with open(path, "wb") as f:
            f.write(BODY)
        said = self.curl("-T", path, "-o", "/dev/null", f"{self.url}/upload")
        self.assertEqual(said, f"\n2 200 1 {len(BODY)}\n")
        self.assertTrue(self.seen.requests[-1]["body"] == BODY)
        self.curl("-X", "POST", "-H", "Expect: 100-continue", "--data-binary", f"@{path}", "-o", "/dev/null", self.url)
        self.assertTrue(self.seen.requests[-1]["body"] == BODY)

    def test_curl_in_parallel(self):
        said = self.curl("-Z", "--parallel-max", "50", "-o", "/dev/null", f"{self.url}/large?[1-100]", "-f")
        self.assertEqual(len(re.findall(r"^2 200 \d+ \d+$", said, re.M)), 100)

    def test_nghttp(self):
        said = self.run_client("nghttp", "-nv", "-m", "20", f"{self.plain_url}/large")
        self.assertEqual(len(re.findall(r":status: 200", said)), 20)
        self.assertIn("SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100", said)
        self.assertNotIn("RST_STREAM", said)
        said = self.run_client("nghttp", "-n", "-s", f"{self.url}/x")
        self.assertRegex(said, r" 200 +4 /x")

    def h2load(self, url, *arguments):
        said = self.run_client("h2load", "-n", str(REQUESTS), *arguments, url)
        self.assertIn(f"{REQUESTS} succeeded, 0 failed, 0 errored, 0 timeout", said)
        self.assertIn(f"status codes: {REQUESTS} 2xx, 0 3xx, 0 4xx, 0 5xx", said)

    def test_h2load(self):
        self.h2load(f"{self.plain_url}/x", "-c", "4", "-m", "100")
        self.h2load(f"{self.url}/x", "-c", "4", "-m", "100")
        self.h2load(f"{self.url}/x", "-c", "50", "-m", "1")

    def test_h2load_during_reloads(self):
        load = subprocess.Popen(
            ["h2load", "-n", str(REQUESTS), "-c", "4", "-m", "100", f"{self.url}/x"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(load.wait)
        self.addCleanup(load.kill)
        for number in range(20):
            more = f"limits: {{header_count: {101 + number}}}\n"
            self.assertEqual(self.proxy.reload(self.config + more)["verdict"], "applied")
        said, _ = load.communicate(timeout=300)
        self.assertIn(f"{REQUESTS} succeeded, 0 failed, 0 errored, 0 timeout", said)

    def test_h2load_uploads(self):
        path = os.path.join(self.folder(), "body")
        with open(path, "wb") as f:
            f.write(BODY)
        said = self.run_client("h2load", "-n", "200", "-c", "2", "-m", "20", "-d", path, f"{self.url}/upload")
        self.assertIn("200 succeeded, 0 failed, 0 errored, 0 timeout", said)


class Languages(Clients):
    def test_node(self):
        said = self.run_client("node", "-e", NODE, self.url, self.authority.root).split()
        self.assertEqual(sorted(map(int, said)), sorted([200] * 20 + [number * 10_000 + 1 for number in range(20)]))

    def test_python_httpx(self):
        said = self.run_client(sys.executable, "-c", HTTPX, f"{self.url}/x", self.authority.root).splitlines()
        self.assertEqual(said, [f"HTTP/2 200 {number * 10_000 + 1}" for number in range(20)])

    def test_chromium(self):
        browser, home = chromium(self, self.authority.root)
        browser += ["--remote-debugging-port=0", f"{self.url}/page"]
        self.start(*browser, env={**os.environ, "HOME": home})
        report = eventually(self.report, "the page reports")
        self.assertEqual(report, "h2 h2 200 hello")
        self.assertEqual(len(self.sockets), 1)
        eventually(lambda: '/socket HTTP/2.0"' in self.proxy.access_log(), "the WebSocket came over HTTP/2")

    def report(self):
        return next((one["body"].decode() for one in self.seen.requests if one["target"] == "/report"), None)


if __name__ == "__main__":
    main()
