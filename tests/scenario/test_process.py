"""The process: commands, signals, exit codes, logs, metrics, the admin API."""
import json
import os
import re
import signal
import subprocess
import threading
import urllib.request

from support.certificates import Authority
from support.scenario import (
    SOURCE,
    WEIR,
    Scenario,
    Weir,
    can_connect,
    eventually,
    flow,
    free_port,
    main,
    read_file,
    web,
)


def command(*args, **kwargs):
    done = subprocess.run([WEIR, *args], capture_output=True, text=True, timeout=30, **kwargs)
    return done.returncode, done.stdout, done.stderr


class Commands(Scenario):
    def file(self, text):
        path = os.path.join(self.folder(), "other.yaml")
        with open(path, "w") as f:
            f.write(text)
        return path

    def test_check_reports_every_error_with_its_place(self):
        path = self.file(
            'listeners:\n  web: {address: "127.0.0.1:1", pool: wbe}\npools:\n'
            '  web: {backends: ["127.0.0.1:2"], wieght: 3}\n'
        )
        for args in (("check", "-c", path), ("-t", "-c", path), ("run", "-c", path)):
            code, out, err = command(*args)
            self.assertEqual((code, out), (1, ""))
            self.assertIn(f"{path}:2:", err)
            self.assertIn('did you mean "web"?', err)
            self.assertIn(f'{path}:4:36: pools.web: unknown key "wieght"', err)
            self.assertIn("2 errors", err)

    def test_check_of_a_good_file(self):
        code, out, _ = command(
            "check",
            "-c",
            self.file(
                'listeners: {web: {address: "127.0.0.1:1", pool: web}}\npools: {web: {backends: ["127.0.0.1:2"]}}\n'
            ),
        )
        self.assertEqual(code, 0)
        self.assertRegex(out, r"ok \(1 listeners, 0 routes, 1 pools, 1 backends; hash [0-9a-f]{12}\)")

    def test_usage_errors_are_2(self):
        for args in ((), ("nonsense",), ("check", "--nonsense"), ("heartbeat", "--listen", "nowhere")):
            self.assertEqual(command(*args)[0], 2, args)
        self.assertEqual(command("--help")[0], 0)

    def test_commands_without_a_process_exit_with_1_and_a_reason(self):
        code, _, err = command("status", "--admin", f"127.0.0.1:{free_port()}")
        self.assertEqual(code, 1)
        self.assertIn("cannot reach weir at", err)
        self.assertEqual(command("status", "-c", self.file('admin: {address: "localhost:1"}\n'))[0], 1)
        port = self.backend().port
        self.assertEqual(command("status", "--admin", f"127.0.0.1:{port}")[0], 1)  # another web server

    def test_version_and_schema(self):
        self.assertRegex(command("version")[1], r"^weir \d+\.\d+\.\d+\n$")
        schema = json.loads(command("schema")[1])
        self.assertIn("listeners", schema["properties"])
        self.assertEqual(
            schema["properties"]["reload"]["properties"]["lock"]["properties"]["type"]["enum"],
            ["local", "redis", "redlock"],
        )

    def test_status_for_people_and_programs(self):
        backend, port = self.backend(), free_port()
        proxy = self.weir(web(port, [backend]))
        self.client(port).get("/")
        eventually(lambda: proxy.backends()[backend.address]["active"] == 0, "the request is over")
        code, out, _ = proxy.command("status", "-c", proxy.path)
        self.assertEqual(code, 0)
        self.assertRegex(out, rf"{backend.address}\s+{backend.address}\s+up\s+1\s+0")
        code, out, _ = proxy.command("status", "--json", "--admin", f"127.0.0.1:{proxy.admin_port}")
        status = json.loads(out)
        self.assertEqual(
            status["config"]["hash"],
            subprocess.run(["sha256sum", proxy.path], capture_output=True, text=True).stdout.split()[0],
        )
        self.assertEqual(status["pools"][0]["backends"][0]["state"], "up")

    def test_a_busy_port_at_the_start_is_1(self):
        port, backend = free_port(), self.backend()
        self.weir(web(port, [backend]))
        with self.assertRaisesRegex(AssertionError, "(?s)ended with 1.*cannot bind 127.0.0.1"):
            Weir(web(port, [backend]))


class Signals(Scenario):
    def slow(self):
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

        def script(connection, _):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            self.gate.wait(20)
            connection.sendall(b"lf")

        return self.backend(script)

    def test_term_finishes_what_is_in_flight_and_closes_what_is_idle(self):
        backend, port = self.slow(), free_port()
        proxy = self.weir(web(port, [backend]))
        busy, idle = self.client(port), self.client(port)
        busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: backend.requests, "the request is there")
        eventually(lambda: proxy.metrics()['weir_connections_active{listener="web"}'] == 2, "both are connected")
        proxy.signal(signal.SIGTERM)
        eventually(lambda: not can_connect(port), "the listener is closed")
        self.assertEqual(proxy.admin("GET", "/readyz")[0], 503)
        self.assertEqual(idle.rest(), b"")
        self.gate.set()
        self.assertEqual(busy.reader.response()["body"], b"half")
        self.assertEqual(proxy.process.wait(20), 0)

    def test_a_request_sent_before_connection_close_was_seen_is_answered(self):
        backend, port = self.slow(), free_port()
        proxy = self.weir(web(port, [backend]))
        client = self.client(port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: backend.requests, "the request is there")
        self.assertEqual(client.reader.head()[1].get("connection"), None)  # the response announced a kept connection
        proxy.signal(signal.SIGTERM)
        eventually(lambda: not can_connect(port), "the listener is closed")
        client.send("POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        self.gate.set()
        self.assertEqual(client.reader.exactly(4), b"half")
        answer = client.reader.response()
        self.assertEqual((answer["body"], answer["fields"].get("connection")), (b"half", "close"))
        self.assertEqual(proxy.process.wait(20), 0)

    def test_a_drain_that_runs_out_of_time_is_3(self):
        backend, port = self.slow(), free_port()
        directory = self.folder()
        proxy = self.weir(
            web(port, [backend]) + f"process: {{workers: 2, state_dir: {directory}/other, drain_timeout: 300ms}}\n"
        )
        client = self.client(port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: backend.requests, "the request is there")
        proxy.signal(signal.SIGINT)
        self.assertEqual(proxy.process.wait(20), 3)

    def test_the_second_signal_ends_at_once(self):
        backend, port = self.slow(), free_port()
        proxy = self.weir(web(port, [backend]))
        client = self.client(port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: backend.requests, "the request is there")
        proxy.signal(signal.SIGQUIT)
        eventually(lambda: not can_connect(port), "the drain has begun")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(20), 3)

    def test_signals_that_come_while_it_ends_do_not_change_how(self):
        """Signals that are no longer handled must not kill the process and change its exit code."""
        for _ in range(5):
            proxy = self.weir(web(free_port(), [self.backend()]))
            while proxy.process.poll() is None:
                proxy.signal(signal.SIGTERM)
            self.assertIn(proxy.process.returncode, (0, 3))

    def test_a_hup_during_the_drain_changes_nothing(self):
        backend, port = self.slow(), free_port()
        proxy = self.weir(web(port, [backend]))
        client = self.client(port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: backend.requests, "the request is there")
        proxy.signal(signal.SIGTERM)
        eventually(lambda: not can_connect(port), "the drain has begun")
        proxy.write(web(port, [backend]) + "limits: {header_count: 50}\n")
        proxy.signal(signal.SIGHUP)
        eventually(lambda: "weir is stopping" in proxy.log(), "it is refused")
        self.gate.set()
        self.assertEqual(client.reader.response()["body"], b"half")
        self.assertEqual(proxy.process.wait(20), 0)

    def test_usr1_reopens_the_access_log(self):
        port, backend = free_port(), self.backend()
        directory = self.folder()
        path = os.path.join(directory, "access.log")
        proxy = self.weir(web(port, [backend]) + f"logging: {{access: {{output: {path}, format: json}}}}\n")

        def read(p):
            return read_file(p) if os.path.exists(p) else ""

        client = self.client(port)
        client.get("/one")
        eventually(lambda: "/one" in read(path), "the line is written")
        os.rename(path, path + ".1")
        proxy.signal(signal.SIGUSR1)
        proxy.wait_logged("access log reopened")
        client.get("/two")
        eventually(lambda: "/two" in read(path), "the line is in the new file")
        self.assertNotIn("/two", read(path + ".1"))
        line = json.loads(read(path))
        self.assertEqual(
            (line["status"], line["pool"], line["backend"], line["listener"]), (200, "web", backend.address, "web")
        )


class Seeing(Scenario):
    def test_the_access_log_is_in_the_combined_format(self):
        port = free_port()
        proxy = self.weir(web(port, [self.backend()]), workers=1)  # lines are in order only within one worker
        client = self.client(port)
        client.get("/x?y", extra='User-Agent: te"st\r\nReferer: http://r/\r\n')
        self.client(port).send("nonsense\r\n\r\n").rest()
        eventually(lambda: proxy.access_log().count("\n") == 2, "both lines are written")
        first, second = proxy.access_log().splitlines()
        self.assertRegex(
            first,
            r'^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /x\?y HTTP/1\.1" 200 \d+ "http://r/" '
            r'"te\\x22st" -$',
        )
        self.assertRegex(second, r'^127\.0\.0\.1 - - \[[^]]+\] "nonsense" 400 \d+ "-" "-" bad_request$')

    def test_a_log_pipe_without_a_reader_does_not_block_traffic(self):
        port, backend = free_port(), self.backend()
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        directory = self.folder()
        path = os.path.join(directory, "piped.yaml")
        admin = free_port()
        with open(path, "w") as f:
            f.write(
                web(port, [backend])
                + f'process: {{workers: 1, state_dir: {directory}/p}}\nadmin: {{address: "127.0.0.1:{admin}"}}\n'
            )
        process = subprocess.Popen([WEIR, "run", "-c", path], stdout=write, stderr=write)
        os.close(write)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        eventually(lambda: can_connect(port), "weir listens")
        client = self.client(port)
        long = "a" * 1000
        for i in range(3000):
            client.send(f"GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.reader.response()["status"], 200)
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=20) as metrics:
            dropped = re.search(rb"^weir_access_log_dropped_total (\d+)$", metrics.read(), re.M)
        self.assertGreater(int(dropped.group(1)), 500)  # of 3,000; the ring and the pipe cannot hold them all
        process.terminate()
        client.close()
        self.assertEqual(process.wait(20), 0)

    def test_metrics_count_what_happened_and_parse(self):
        port, backend = free_port(), self.backend()
        proxy = self.weir(web(port, [backend]))
        client = self.client(port)
        for _ in range(5):
            client.get("/")
        client.get("/", extra="Expect: x\r\n")
        eventually(
            lambda: proxy.metrics().get('weir_requests_total{listener="web",pool="",route="",code="417"}') == 1,
            "all are counted",
        )
        text = proxy.admin("GET", "/metrics")[1]
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [-+.e\d]+)$')
        metrics = proxy.metrics()
        self.assertEqual(metrics['weir_requests_total{listener="web",pool="web",route="",code="200"}'], 5)
        self.assertEqual(metrics['weir_requests_total{listener="web",pool="",route="",code="417"}'], 1)
        self.assertEqual(metrics['weir_request_duration_seconds_count{listener="web",pool="web",route=""}'], 5)
        self.assertEqual(
            metrics['weir_request_duration_seconds_bucket{listener="web",pool="web",route="",le="+Inf"}'], 5
        )
        self.assertEqual(metrics['weir_connections_active{listener="web"}'], 1)
        self.assertEqual(metrics[f'weir_backend_requests_total{{pool="web",backend="{backend.address}"}}'], 5)
        self.assertEqual(metrics["weir_reload_last_success"], 1)
        self.assertTrue(any(name.startswith("weir_config_info{hash=") for name in metrics))

    def test_the_admin_api_refuses_strangers_and_changes_nothing_on_get(self):
        proxy = self.weir(web(free_port(), [self.backend()]))
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            self.assertIn(proxy.admin("POST", "/api/v1/reload", headers)[0], (403, 421))
            self.assertIn(proxy.admin("GET", "/api/v1/status", headers)[0], (403, 421))
        self.assertEqual(proxy.admin("GET", "/api/v1/reload")[0], 404)
        self.assertEqual(proxy.admin("DELETE", "/api/v1/status")[0], 405)
        self.assertEqual(proxy.admin("GET", "/nonsense")[0], 404)
        self.assertEqual(proxy.metrics()['weir_reloads_total{verdict="unchanged"}'], 0)

    def test_the_admin_api_over_a_unix_socket_and_with_a_token(self):
        port, admin, backend = free_port(), free_port(), self.backend()
        directory = self.folder()
        path, token = os.path.join(directory, "unix.yaml"), os.path.join(directory, "token")
        with open(token, "w") as f:
            f.write("0123456789abcdef\n")
        for address, extra in ((f"unix:{directory}/admin.sock", ""), (f"0.0.0.0:{admin}", f", token_file: {token}")):
            with open(path, "w") as f:
                f.write(
                    web(port, [backend])
                    + f'process: {{workers: 1, state_dir: {directory}/u}}\nadmin: {{address: "{address}"{extra}}}\n'
                )
            process = self.start(WEIR, "run", "-c", path)
            eventually(lambda: command("status", "-c", path)[0] == 0, "it answers")
            self.assertEqual(command("reload", "--wait", "-c", path)[0], 0)
            if extra:
                self.assertEqual(command("status", "--admin", f"127.0.0.1:{admin}")[0], 1)
                self.assertEqual(command("status", "--admin", f"127.0.0.1:{admin}", "--token-file", token)[0], 0)
            process.terminate()
            process.wait(20)

    def test_connections_over_the_limit_wait_to_be_accepted(self):
        port, backend = free_port(), self.backend()
        directory = self.folder()
        self.weir(
            web(port, [backend])
            + f"process: {{workers: 1, max_connections: 2, state_dir: {directory}/m, drain_timeout: 10s}}\n"
        )
        first, second, third = (self.client(port) for _ in range(3))
        self.assertEqual(first.get("/")["status"], 200)
        self.assertEqual(second.get("/")["status"], 200)
        third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        third.sock.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            third.sock.recv(1)
        third.sock.settimeout(20)
        first.close()
        self.assertEqual(third.reader.response()["status"], 200)


# Of the password "x".
PASSWORD_HASH = "$2y$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO"


class Documents(Scenario):
    def test_every_example_configuration_in_the_documents_is_valid(self):
        checked = 0
        directory = self.folder()
        authority = Authority(directory)
        for folder, _, names in os.walk(SOURCE):
            if os.path.relpath(folder, SOURCE).startswith(("build", ".git")):
                continue
            for name in names:
                if not name.endswith(".md"):
                    continue
                with open(os.path.join(folder, name)) as f:
                    text = f.read()
                for i, example in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.S)):
                    path = os.path.join(directory, f"{name}-{i}.yaml")
                    # `weir check` reads the files that a configuration names.
                    for named in set(re.findall(r"(?:token_file|users_file): /[^,}\s]+|/[^,}\s]+\.html", example)):
                        key, _, file = named.rpartition(": ")
                        texts = {"token_file": f"a token for {file}\n", "users_file": f"ann:{PASSWORD_HASH}\n"}
                        here = os.path.join(directory, os.path.basename(file))
                        with open(here, "w") as f:
                            f.write(texts.get(key, "<p>A page.</p>\n"))
                        example = example.replace(file, here)
                    for pair in set(re.findall(r"\{cert: [^}]+\}", example)):
                        example = example.replace(pair, flow(authority.issue("example.com")))
                    for pair in set(re.findall(r"cert: /etc/[^}]+", example)):
                        files = authority.issue("example.com")
                        example = example.replace(pair, f"cert: {files['cert']}, key: {files['key']}")
                    example = re.sub(r"\b((?:client_)?ca): /[^,}\s]+", rf"\1: {authority.root}", example)
                    with open(path, "w") as f:
                        f.write(example)
                    code, _, err = command("check", "-c", path, env=dict(os.environ, REDIS_PASSWORD="x"))
                    self.assertEqual(code, 0, f"{name}, example {i + 1}: {err}")
                    checked += 1
        self.assertGreaterEqual(checked, 2)

    def test_every_command_in_the_documents_exists(self):
        for name in ("README.md", "docs/configuration.md", "docs/fleet.md"):
            with open(os.path.join(SOURCE, name)) as f:
                text = f.read()
            for line in re.findall(
                r"^\s*(?:build/release/)?weir ([a-z-]+)", "\n".join(re.findall(r"```sh\n(.*?)```", text, re.S)), re.M
            ):
                self.assertEqual(command(line, "--help")[0], 0, line)


if __name__ == "__main__":
    main()
