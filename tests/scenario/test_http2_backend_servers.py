"""HTTP/2 to real servers: nghttpd, nginx and Node, under load and during reloads."""
import os
import re
import subprocess

from support.certificates import Authority
from support.nginx import start_nginx
from support.scenario import SANITIZED, Scenario, can_connect, eventually, free_port, main, web

REQUESTS = 2_000 if SANITIZED else 20_000
BODY = b"0123456789abcdef" * 20_000

NODE = """
const http2 = require("http2"), fs = require("fs");
const [port, key, cert, leaveAfter] = process.argv.slice(1);
const server = http2.createSecureServer({key: fs.readFileSync(key), cert: fs.readFileSync(cert), allowHTTP1: true});
server.on("session", session => {
  let count = 0;
  session.on("stream", () => { if (leaveAfter != "0" && ++count == leaveAfter) session.close(); });
  session.on("error", () => {});
});
server.on("request", (request, response) => {
  const pieces = [];
  request.on("data", piece => pieces.push(piece));
  request.on("end", () => {
    response.setHeader("x-version", request.httpVersion);
    response.end(pieces.length ? Buffer.concat(pieces) : "node " + request.url);
  });
});
server.listen(+port, "127.0.0.1");
"""


class Servers(Scenario):
    def setUp(self):
        super().setUp()
        self.port, self.behind, self.files = free_port(), free_port(), self.folder()
        self.url = f"http://127.0.0.1:{self.port}"
        for name, content in (("x", b"small"), ("large", BODY)):
            with open(os.path.join(self.files, name), "wb") as f:
                f.write(content)
        self.upload = os.path.join(self.files, "large")

    def make_pair(self):
        self.authority = Authority(self.folder())
        self.pair = self.authority.issue("app.example")
        return {"tls": {"ca": self.authority.root, "server_name": "app.example"}}

    def start_nghttpd(self, *arguments, tls=False):
        command = ["nghttpd", "--address=127.0.0.1", "-d", self.files, *arguments]
        command += [str(self.behind), self.pair["key"], self.pair["cert"]] if tls else ["--no-tls", str(self.behind)]
        self.start(*command)
        eventually(lambda: can_connect(self.behind), "nghttpd listens")

    def start_node(self, leave_after=0):
        arguments = [str(self.behind), self.pair["key"], self.pair["cert"], str(leave_after)]
        self.start("node", "-e", NODE, *arguments)
        eventually(lambda: can_connect(self.behind), "node listens")

    def serve(self, workers=2, more="", **pool):
        pool = {"protocol": "http2", **pool}
        self.config = web(self.port, [f"127.0.0.1:{self.behind}"], pool=pool, listener={"http2": True})
        self.proxy = self.weir(self.config + more, workers=workers)

    def run_client(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def load(self, *arguments, path="/x", count=REQUESTS):
        said = self.run_client("h2load", "-n", str(count), *arguments, self.url + path)
        self.assert_all_served(said, count)

    def assert_all_served(self, said, count=REQUESTS):
        self.assertIn(f"{count} succeeded, 0 failed, 0 errored, 0 timeout", said)
        self.assertIn(f"status codes: {count} 2xx, 0 3xx, 0 4xx, 0 5xx", said)

    def load_every_way(self):
        self.load("-c", "4", "-m", "50")
        self.load("-c", "20", "-m", "1", "--h1")
        self.load("-c", "4", "-m", "10", path="/large", count=200)

    def upload_every_way(self):
        self.load("-c", "2", "-m", "10", "-d", self.upload, path="/echo", count=200)
        for version in ("--http1.1", "--http2-prior-knowledge"):
            got = os.path.join(self.files, "got")
            self.run_client("curl", "-sSf", version, "--data-binary", f"@{self.upload}", "-o", got, f"{self.url}/echo")
            with open(got, "rb") as f:
                self.assertTrue(f.read() == BODY)


class Nghttpd(Servers):
    def test_plain(self):
        self.start_nghttpd()
        self.serve()
        self.load_every_way()

    def test_uploads(self):
        self.start_nghttpd("--echo-upload")
        self.serve()
        self.upload_every_way()

    def test_over_tls(self):
        pool = self.make_pair()
        self.start_nghttpd(tls=True)
        self.serve(**pool)
        self.load_every_way()

    def test_auto(self):
        pool = self.make_pair()
        self.start_nghttpd(tls=True)
        self.serve(protocol="auto", **pool)
        self.load_every_way()

    def test_few_streams(self):
        self.start_nghttpd("-m", "3")
        self.serve()
        self.load_every_way()

    def test_small_windows_and_tables(self):
        self.start_nghttpd("--window-bits=10", "--connection-window-bits=16", "--header-table-size=0")
        self.serve()
        self.load_every_way()

    def test_trailers(self):
        self.start_nghttpd("--trailer", "x-sum: 5")
        self.serve()
        said = self.run_client("nghttp", "-v", f"{self.url}/x")
        self.assertRegex(said, r"(?s):status: 200.*x-sum: 5")

    def test_reloads_under_load(self):
        self.start_nghttpd()
        self.serve()
        for arguments in (["-c", "4", "-m", "50"], ["-c", "20", "-m", "1", "--h1"]):
            command = ["h2load", "-n", str(2 * REQUESTS), *arguments, f"{self.url}/x"]
            load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.addCleanup(load.wait)
            self.addCleanup(load.kill)
            for number in range(20):
                report = self.proxy.reload(self.config + f"limits: {{header_count: {101 + number}}}\n")
                self.assertEqual(report["verdict"], "applied")
            said, _ = load.communicate(timeout=300)
            self.assert_all_served(said, 2 * REQUESTS)

    def test_the_death_of_a_server_costs_nothing_that_can_be_retried(self):
        self.start_nghttpd()
        other = f"127.0.0.1:{self.behind}"
        self.behind = free_port()
        command = ["nghttpd", "--address=127.0.0.1", "-d", self.files, "--no-tls", str(self.behind)]
        process = self.start(*command)
        eventually(lambda: can_connect(self.behind), "nghttpd listens")
        config = web(
            self.port, [f"127.0.0.1:{self.behind}", other], pool={"protocol": "http2"}, listener={"http2": True}
        )
        self.proxy = self.weir(config + "retries: {attempts: 3, budget: 100%}\n", workers=2)
        load = subprocess.Popen(
            ["h2load", "-n", str(REQUESTS), "-c", "4", "-m", "10", f"{self.url}/x"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(load.wait)
        self.addCleanup(load.kill)
        eventually(lambda: self.proxy.access_log().count("\n") > 500, "there is load")
        process.kill()
        process.wait()
        said, _ = load.communicate(timeout=300)
        served = int(re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", said)[1])
        self.assertGreaterEqual(served, REQUESTS - 40, said)  # those whose response had begun are cut off


class Nginx(Servers):
    def start_server(self, listen="http2", more=""):
        location = f"location / {{ root {self.files}; {more} }}"
        server = f"server {{ listen 127.0.0.1:{self.behind} {listen}; {location} }}"
        start_nginx(self, self.folder(), self.behind, server)

    def test_plain(self):
        self.start_server()
        self.serve()
        self.load_every_way()

    def test_a_limit_of_requests_in_a_connection(self):
        """nginx#1724: GOAWAY behind every 50th request."""
        self.start_server(more="keepalive_requests 50;")
        self.serve()
        self.load("-c", "4", "-m", "20", count=REQUESTS // 4)
        self.load("-c", "20", "-m", "1", "--h1", count=REQUESTS // 4)

    def test_over_tls(self):
        pool = self.make_pair()
        self.start_server(f"ssl http2; ssl_certificate {self.pair['cert']}; ssl_certificate_key {self.pair['key']}")
        self.serve(**pool)
        self.load_every_way()


class Node(Servers):
    def test_requests_and_uploads(self):
        pool = self.make_pair()
        self.start_node()
        self.serve(**pool)
        said = self.run_client("curl", "-sSi", f"{self.url}/page")
        self.assertRegex(said, r"(?is)200 .*x-version: 2\.0.*node /page")
        self.load("-c", "4", "-m", "50", count=REQUESTS // 4)
        self.upload_every_way()

    def test_a_server_that_winds_up_its_connections(self):
        """Each session says GOAWAY at its 20th stream and closes when all are answered."""
        pool = self.make_pair()
        self.start_node(leave_after=20)
        self.serve(**pool)
        self.load("-c", "4", "-m", "4", count=REQUESTS // 4)

    def test_auto(self):
        pool = self.make_pair()
        self.start_node()
        self.serve(protocol="auto", **pool)
        said = self.run_client("curl", "-sSi", f"{self.url}/page")
        self.assertTrue(re.search(r"(?i)x-version: 2\.0", said), said)


if __name__ == "__main__":
    main()
