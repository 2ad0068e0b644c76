"""Two weirs with one lock apply one change at a time. Uses real Redis servers on private ports."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

from support.redis_server import Redis, lock, took_turns, waits_for_lock
from support.scenario import Scenario, eventually, free_port, main, web


class Together(Scenario):
    def test_twenty_edits_on_two_machines_are_applied_one_at_a_time(self):
        redis, backend = Redis(self), self.backend()
        events = redis.watch(self)
        weirs = []
        for _ in range(2):
            port = free_port()
            weirs.append((self.weir(web(port, [backend]) + lock(redis.port, watch="true")), port))
        seen = []
        for i in range(20):
            for weir, port in weirs:
                weir.write(
                    web(port, [backend]) + lock(redis.port, watch="true") + f"limits: {{header_count: {101 + i}}}\n"
                )
            for weir, _ in weirs:
                eventually(
                    lambda w=weir: w.metrics()['weir_reloads_total{verdict="applied"}'] == i + 1, f"edit {i} is applied"
                )
            fences = sorted(weir.status()["config"]["fence"] for weir, _ in weirs)
            # Each took the lock of its own: two fences, both higher than all before.
            self.assertEqual(len(set(fences)), 2)
            self.assertGreater(fences[0], seen[-1] if seen else 0)
            seen += fences
        self.assertEqual(seen, sorted(set(seen)))
        self.assertEqual(len(seen), 40)
        took_turns(self, redis, events, least=40)
        self.assertEqual(int(redis.call("GET", "weir:{test}:fence")), len(events()) // 2)

    def test_a_watched_change_that_could_not_get_the_lock_is_retried(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        proxy = self.weir(web(port, [backend]) + lock(redis.port, watch="true", wait="300ms"))
        redis.call("SET", "weir:{test}:lock", "someone", "PX", "600000")
        proxy.write(
            web(port, [backend]) + lock(redis.port, watch="true", wait="300ms") + "limits: {header_count: 50}\n"
        )
        eventually(lambda: proxy.metrics()['weir_reloads_total{verdict="refused"}'] >= 1, "it is refused for now")
        proxy.wait_logged("held by another machine")
        redis.call("DEL", "weir:{test}:lock")
        eventually(lambda: proxy.metrics()['weir_reloads_total{verdict="applied"}'] == 1, "it is tried again by itself")
        self.assertEqual(proxy.status()["reload"]["last"]["trigger"], "watch")

    def test_a_reload_waits_while_another_holds_the_lock(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        redis.call("SET", "weir:{test}:lock", "someone", "PX", "60000")
        proxy = self.weir(web(port, [backend]) + lock(redis.port))
        proxy.write(web(port, [backend]) + lock(redis.port) + "limits: {header_count: 50}\n")
        proxy.signal(signal.SIGHUP)
        eventually(lambda: proxy.status()["reload"]["in_progress"], "the reload is waiting")
        self.assertEqual(self.client(port).get("/")["status"], 200)
        self.assertEqual(proxy.status()["config"]["generation"], 1)
        redis.call("DEL", "weir:{test}:lock")
        eventually(lambda: proxy.status()["config"]["generation"] == 2, "it goes on")

    def test_a_lock_that_is_never_free_refuses_the_reload(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        redis.call("SET", "weir:{test}:lock", "someone")
        config = web(port, [backend]) + lock(redis.port, wait="300ms")
        proxy = self.weir(config)
        self.assertEqual(
            proxy.reload(config + "limits: {header_count: 50}\n")["errors"],
            ["cannot acquire the lock: timed out: it is still held by another machine or process (reload.lock.wait)"],
        )
        self.assertEqual(redis.call("GET", "weir:{test}:lock"), "someone")  # and it is left alone

    def test_a_restored_redis_cannot_make_the_fence_go_back(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        redis.call("SET", "weir:{test}:fence", "41")
        config = web(port, [backend]) + lock(redis.port)
        proxy = self.weir(config)
        self.assertEqual(proxy.reload(config + "limits: {header_count: 50}\n")["fence"], 42)
        redis.call("FLUSHALL")
        self.assertEqual(proxy.reload(config + "limits: {header_count: 51}\n")["fence"], 43)
        self.assertEqual(redis.call("GET", "weir:{test}:fence"), "43")

    def test_a_password_is_used_and_never_shown(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        redis.call("CONFIG", "SET", "requirepass", "hunter2hunter2")
        right = lock({"url": redis.url, "password": "${REDIS_PASSWORD}"})
        proxy = self.weir(web(port, [backend]) + right, environment={"REDIS_PASSWORD": "hunter2hunter2"})
        self.assertEqual(
            proxy.reload(web(port, [backend]) + right + "limits: {header_count: 50}\n")["verdict"], "applied"
        )
        wrong = lock({"url": redis.url, "password": "hunter3hunter3"}, wait="100ms")
        proxy.reload(web(port, [backend]) + wrong)
        report = proxy.reload(web(port, [backend]) + wrong + "limits: {header_count: 51}\n")
        self.assertIn("AUTH refused", report["errors"][0])
        self.assertNotIn(
            "hunter", str(report) + proxy.log() + str(proxy.status()) + proxy.admin("GET", "/api/v1/config")[1]
        )


class Window(Scenario):
    def test_losing_the_lock_in_the_canary_window_rolls_the_change_back(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        config = web(port, [backend]) + lock(redis.port, rollback="rollback: {window: 1m}, ")
        proxy = self.weir(config)
        before = proxy.status()["config"]["hash"]
        proxy.write(config + "limits: {header_count: 50}\n")
        proxy.signal(signal.SIGHUP)
        eventually(lambda: "watched_for_ms" in proxy.status()["reload"], "it is watched")
        self.assertNotEqual(proxy.status()["config"]["hash"], before)
        redis.call("SET", "weir:{test}:lock", "someone else", "PX", "60000")
        eventually(lambda: not proxy.status()["reload"]["in_progress"], "it is over")
        last = proxy.status()["reload"]["last"]
        self.assertEqual((last["verdict"], last["cause"]), ("rolled_back", "lock_lost"))
        self.assertIn("the lock was lost within the canary window: the lease ", last["errors"][0])  # and what happened
        self.assertEqual(proxy.status()["config"]["hash"], before)
        self.assertEqual(proxy.status()["reload"]["denylist"], [])  # which says nothing about the file
        self.assertEqual(redis.call("GET", "weir:{test}:lock"), "someone else")


class Servers(Scenario):
    """Other ways to reach the servers."""

    def changes(self, config, port, backend):
        proxy = self.weir(config)
        report = proxy.reload(config + "limits: {header_count: 50}\n")
        return proxy, report

    def certificates(self):
        """A private certificate authority and its certificate for localhost."""
        files = tempfile.TemporaryDirectory()
        self.addCleanup(files.cleanup)

        def path(name):
            return os.path.join(files.name, name)

        def run(*args):
            return subprocess.run(["openssl", *args], check=True, capture_output=True)

        for name in ("ca", "other"):
            run(
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
                "-subj",
                f"/CN={name}",
                "-keyout",
                path(f"{name}.key"),
                "-out",
                path(f"{name}.pem"),
            )
        with open(path("names"), "w") as f:
            f.write("subjectAltName=DNS:localhost\n")
        run(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            path("redis.key"),
            "-out",
            path("redis.csr"),
        )
        run(
            "x509",
            "-req",
            "-in",
            path("redis.csr"),
            "-CA",
            path("ca.pem"),
            "-CAkey",
            path("ca.key"),
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            path("names"),
            "-out",
            path("redis.pem"),
        )
        return path

    def test_tls_with_a_certificate_that_is_verified(self):
        path, port, backend = self.certificates(), free_port(), self.backend()
        redis = Redis(
            self,
            tls=(
                "--tls-cert-file",
                path("redis.pem"),
                "--tls-key-file",
                path("redis.key"),
                "--tls-ca-cert-file",
                path("ca.pem"),
                "--tls-auth-clients",
                "no",
            ),
        )
        for host, ca, problem in (
            ("localhost", "ca.pem", ""),
            ("localhost", "other.pem", "the TLS handshake failed: certificate verify failed"),
            ("127.0.0.1", "ca.pem", "the TLS handshake failed: certificate verify failed"),
            ("localhost", "none.pem", "ca: "),
        ):
            server = {"url": f"rediss://{host}:{redis.port}", "ca": path(ca)}
            config = web(port, [backend]) + lock(server, wait="300ms" if problem else "20s")
            proxy, report = self.changes(config, port, backend)
            self.assertEqual(report["verdict"], "refused" if problem else "applied", report)
            if problem:
                self.assertIn(problem, report["errors"][0])
            proxy.stop()

    def test_a_plain_redis_behind_a_tls_url_is_reported(self):
        redis, port, backend = Redis(self), free_port(), self.backend()
        config = web(port, [backend]) + lock(f"rediss://127.0.0.1:{redis.port}", wait="300ms")
        _, report = self.changes(config, port, backend)
        self.assertIn("TLS handshake", report["errors"][0])

    def test_a_replica_and_a_missing_password_are_reported_with_a_remedy(self):
        master, port, backend = Redis(self), free_port(), self.backend()
        replica = Redis(self, arguments=("--replicaof", "127.0.0.1", str(master.port)))
        eventually(lambda: "master_link_status:up" in replica.call("INFO", "replication"), "it follows")
        config = web(port, [backend]) + lock(replica.port, wait="300ms")
        proxy, report = self.changes(config, port, backend)
        self.assertIn("READONLY", report["errors"][0])
        self.assertIn("sentinel://HOST/MASTER", report["errors"][0])
        proxy.stop()
        master.call("CONFIG", "SET", "requirepass", "hunter2hunter2")
        config = web(port, [backend]) + lock(master.port, wait="300ms")
        _, report = self.changes(config, port, backend)
        self.assertIn("set password", report["errors"][0])

    def test_a_lease_counts_only_with_the_required_number_of_replicas(self):
        master, port, backend = Redis(self), free_port(), self.backend()
        config = web(port, [backend]) + lock(master.port, ", replicas: 1", wait="300ms")
        proxy, report = self.changes(config, port, backend)
        self.assertIn("0 of 1 replicas have confirmed the lease", report["errors"][0])
        self.assertEqual(master.call("EXISTS", "weir:{test}:lock"), "0")
        replica = Redis(self, arguments=("--replicaof", "127.0.0.1", str(master.port)))
        eventually(lambda: "master_link_status:up" in replica.call("INFO", "replication"), "it follows")
        eventually(lambda: master.call("WAIT", "1", "500") == "1", "its master knows")
        eventually(lambda: proxy.reload()["verdict"] in ("applied", "unchanged"), "it has taken the lease")
        self.assertEqual(proxy.metrics()['weir_reloads_total{verdict="applied"}'], 1)

    def test_one_of_three_independent_servers_may_be_missing(self):
        servers, port, backend = [Redis(self) for _ in range(3)], free_port(), self.backend()
        config = web(port, [backend]) + lock([r.port for r in servers], kind="redlock", wait="3s")
        proxy, report = self.changes(config, port, backend)
        self.assertEqual(report["verdict"], "applied")
        fences = [report["fence"]]
        servers[0].kill()
        report = proxy.reload(config + "limits: {header_count: 51}\n")
        self.assertEqual(report["verdict"], "applied")
        fences.append(report["fence"])
        servers[1].kill()
        report = proxy.reload(config + "limits: {header_count: 52}\n")
        self.assertEqual(report["verdict"], "refused")
        self.assertIn("1 of 3 servers answer", report["errors"][0])
        servers[0].start()  # with nothing in its memory
        report = proxy.reload()
        self.assertEqual(report["verdict"], "applied")
        fences.append(report["fence"])
        self.assertEqual(fences, sorted(set(fences)))  # they rise; a try that failed may have cost one

    def test_a_server_that_hangs_is_not_waited_for_when_the_others_decide(self):
        """A change needs about twenty calls; each must not take the timeout of the hanging server, 1 s."""
        servers, port, backend = [Redis(self) for _ in range(3)], free_port(), self.backend()
        config = web(port, [backend]) + lock([r.port for r in servers], kind="redlock")
        proxy, report = self.changes(config, port, backend)
        self.assertEqual(report["verdict"], "applied")
        for hung in servers:
            hung.hang()
            began = time.monotonic()
            report = proxy.reload(config + f"limits: {{header_count: {60 + servers.index(hung)}}}\n")
            self.assertEqual(report["verdict"], "applied", report)
            self.assertLess(time.monotonic() - began, 8)
            hung.go_on()
            eventually(lambda: hung.call("EXISTS", "weir:{test}:lock") == "0", "it has no lease")

    def test_a_sentinel_failover_that_loses_the_lock_does_no_harm(self):
        """Sentinels name the master. The replica that takes over may not have the lock."""
        master, port, backend = Redis(self), free_port(), self.backend()
        replica = Redis(self, arguments=("--replicaof", "127.0.0.1", str(master.port)))
        eventually(lambda: "master_link_status:up" in replica.call("INFO", "replication"), "it follows")
        files = tempfile.TemporaryDirectory()
        self.addCleanup(files.cleanup)
        sentinels = []
        for i in range(3):
            path, at = os.path.join(files.name, f"sentinel-{i}.conf"), free_port()
            with open(path, "w") as f:
                f.write(
                    f"port {at}\nbind 127.0.0.1\ndir {files.name}\nsentinel monitor weir 127.0.0.1 {master.port} 2\n"
                    "requirepass open-sesame\nsentinel sentinel-pass open-sesame\n"
                    "sentinel down-after-milliseconds weir 800\nsentinel failover-timeout weir 4000\n"
                )
            self.start("redis-server", path, "--sentinel")
            sentinels.append(at)
        for at in sentinels:

            def ask(at=at):
                login = ["-p", str(at), "-a", "open-sesame", "--no-auth-warning"]
                command = ["redis-cli", *login, "SENTINEL", "MASTER", "weir"]
                return subprocess.run(command, capture_output=True, text=True).stdout

            eventually(
                lambda: "num-other-sentinels\n2\n" in ask() and "num-slaves\n1\n" in ask(),
                "they know each other and the replica",
            )
        urls = [f"sentinel://127.0.0.1:{at}/weir" for at in sentinels]
        proxy, report = self.changes(web(port, [backend]) + lock(urls, wait="300ms"), port, backend)
        self.assertIn("NOAUTH", report["errors"][0])
        proxy.stop()
        config = web(port, [backend]) + lock([{"url": url, "sentinel_password": "open-sesame"} for url in urls])
        proxy, report = self.changes(config, port, backend)
        self.assertEqual(report["verdict"], "applied", report)
        self.assertNotIn("sesame", proxy.log() + json.dumps(report))
        fence = report["fence"]
        master.kill()
        eventually(lambda: "role:master" in replica.call("INFO", "replication"), "the replica is the master", 60)
        replica.call("FLUSHALL")
        report = proxy.reload(config + "limits: {header_count: 51}\n")
        self.assertEqual(report["verdict"], "applied")
        self.assertGreater(report["fence"], fence)  # by what this machine has on disk
        self.assertEqual(replica.call("GET", "weir:{test}:fence"), str(report["fence"]))


class Stopping(Scenario):
    def test_a_stop_ends_the_waiting_for_a_lock_and_takes_none(self):
        proxy, redis, _ = waits_for_lock(self)
        self.assertEqual(proxy.stop(), 0)
        proxy.wait_logged("weir is stopping")
        self.assertNotIn("unreachable", proxy.log())
        self.assertEqual(redis.call("GET", "weir:{test}:fence"), "")


class WithoutRedis(Scenario):
    def proxy(self, more, port, backend, redis_port):
        self.config = web(port, [backend]) + lock(redis_port, more, wait="500ms")
        return self.weir(self.config)

    def test_without_redis_traffic_continues_and_the_reload_is_refused(self):
        port, backend = free_port(), self.backend()
        proxy = self.proxy("", port, backend, free_port())
        report = proxy.reload(self.config + "limits: {header_count: 50}\n")
        self.assertEqual(report["verdict"], "refused")
        self.assertIn("cannot acquire the lock: unavailable: redis://127.0.0.1:", report["errors"][0])
        self.assertEqual(self.client(port).get("/")["status"], 200)
        self.assertEqual(proxy.metrics()["weir_lock_failures_total"], 1)

    def test_without_redis_the_reload_proceeds_if_configured(self):
        port, backend = free_port(), self.backend()
        proxy = self.proxy(", on_unavailable: proceed", port, backend, free_port())
        self.assertEqual(proxy.reload(self.config + "limits: {header_count: 50}\n")["verdict"], "applied")
        proxy.wait_logged("reloading without it")
        self.assertEqual(proxy.status()["config"]["generation"], 2)

    def test_a_hanging_redis_delays_no_client(self):
        redis, port, backend = Redis(self), free_port(), self.backend()
        proxy = self.proxy("", port, backend, redis.port)
        redis.process.send_signal(signal.SIGSTOP)
        proxy.write(self.config + "limits: {header_count: 50}\n")
        proxy.signal(signal.SIGHUP)
        eventually(lambda: proxy.status()["reload"]["in_progress"], "the reload is waiting")
        self.assertEqual(self.client(port).get("/")["status"], 200)  # and the admin API has answered, too
        eventually(lambda: proxy.metrics()['weir_reloads_total{verdict="refused"}'] == 1, "it is refused")
        redis.process.send_signal(signal.SIGCONT)
        report = proxy.reload()
        self.assertEqual(report["verdict"], "applied", report)

    def test_a_server_that_is_not_redis_is_reported_as_such(self):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.addCleanup(listener.close)
        web_server = self.backend(lambda c, r: None)
        port, backend = free_port(), self.backend()
        proxy = self.proxy("", port, backend, web_server.port)
        self.assertEqual(proxy.reload(self.config + "limits: {header_count: 50}\n")["verdict"], "refused")


class Local(Scenario):
    def test_two_weirs_with_one_state_directory_take_turns(self):
        backend, state = self.backend(), os.path.join(self.weir(web(free_port(), [self.backend()])).directory, "shared")
        weirs = [
            (self.weir(web(port, [backend]), state_dir=state, watch=True), port) for port in (free_port(), free_port())
        ]
        fences = []
        for i in range(5):
            for weir, port in weirs:
                weir.write(web(port, [backend]) + f"limits: {{header_count: {101 + i}}}\n")
            for weir, _ in weirs:
                eventually(
                    lambda w=weir: w.metrics()['weir_reloads_total{verdict="applied"}'] == i + 1, "it is applied"
                )
            fences += sorted(weir.status()["config"]["fence"] for weir, _ in weirs)
        self.assertEqual(fences, list(range(1, 11)))


if __name__ == "__main__":
    main()
