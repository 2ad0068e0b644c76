"""Locks on Redis servers of every kind: with TLS, passwords, replicas, Sentinel, or several at once."""
import json
import os
import subprocess
import time

from support.redis_server import Redis, lock
from support.scenario import Scenario, eventually, free_port, main, web


class Servers(Scenario):
    def setUp(self):
        self.port, self.behind = free_port(), self.backend()

    def config(self, servers, more="", **kwargs):
        return web(self.port, [self.behind]) + lock(servers, more, **kwargs)

    def changes(self, config):
        """Starts a weir with this configuration and makes a change under its lock."""
        proxy = self.weir(config)
        return proxy, proxy.reload(config + "limits: {header_count: 50}\n")

    def replica_of(self, master):
        replica = Redis(self, arguments=("--replicaof", "127.0.0.1", str(master.port)))
        eventually(lambda: "master_link_status:up" in replica.call("INFO", "replication"), "it follows")
        return replica

    def certificates(self):
        """Makes a CA and its certificate for localhost; returns a function from a file's name to its path."""
        folder = self.folder()

        def run(line):
            subprocess.run(["openssl", *line.split()], check=True, capture_output=True, cwd=folder)

        new_key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        for name in ("ca", "other"):
            run(f"req -x509 {new_key} -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem")
        with open(os.path.join(folder, "names"), "w") as f:
            f.write("subjectAltName=DNS:localhost\n")
        run(f"req {new_key} -subj /CN=localhost -keyout redis.key -out redis.csr")
        run("x509 -req -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out redis.pem")
        return lambda name: os.path.join(folder, name)

    def test_tls_with_a_certificate_that_is_verified(self):
        path = self.certificates()
        files = f"--tls-cert-file {path('redis.pem')} --tls-key-file {path('redis.key')}"
        redis = Redis(self, tls=f"{files} --tls-ca-cert-file {path('ca.pem')} --tls-auth-clients no".split())
        for host, ca, problem in (
            ("localhost", "ca.pem", ""),
            ("localhost", "other.pem", "the TLS handshake failed: certificate verify failed"),
            ("127.0.0.1", "ca.pem", "the TLS handshake failed: certificate verify failed"),
            ("localhost", "none.pem", "ca: "),
        ):
            server = {"url": f"rediss://{host}:{redis.port}", "ca": path(ca)}
            config = self.config(server, wait="1s" if problem else "20s")
            proxy, report = self.changes(config)
            self.assertEqual(report["verdict"], "refused" if problem else "applied", report)
            if problem:
                self.assertIn(problem, report["errors"][0])
            proxy.stop()

    def test_a_plain_redis_behind_a_tls_url_is_reported(self):
        redis = Redis(self)
        config = self.config(f"rediss://127.0.0.1:{redis.port}", wait="1s")
        _, report = self.changes(config)
        self.assertIn("TLS handshake", report["errors"][0])

    def test_a_replica_and_a_missing_password_are_reported_with_a_remedy(self):
        master = Redis(self)
        replica = self.replica_of(master)
        config = self.config(replica.port, wait="1s")
        proxy, report = self.changes(config)
        self.assertIn("READONLY", report["errors"][0])
        self.assertIn("sentinel://HOST/MASTER", report["errors"][0])
        proxy.stop()
        master.call("CONFIG", "SET", "requirepass", "hunter2hunter2")
        config = self.config(master.port, wait="1s")
        _, report = self.changes(config)
        self.assertIn("set password", report["errors"][0])

    def test_a_lease_counts_only_with_the_required_number_of_replicas(self):
        master = Redis(self)
        config = self.config(master.port, ", replicas: 1", wait="1s")
        proxy, report = self.changes(config)
        self.assertIn("0 of 1 replicas have confirmed the lease", report["errors"][0])
        self.assertEqual(master.call("EXISTS", "weir:{test}:lock"), "0")
        self.replica_of(master)
        eventually(lambda: master.call("WAIT", "1", "500") == "1", "its master knows")
        eventually(lambda: proxy.reload()["verdict"] in ("applied", "unchanged"), "it has taken the lease")
        self.assertEqual(proxy.metrics()['weir_reloads_total{verdict="applied"}'], 1)

    def test_one_of_three_independent_servers_may_be_missing(self):
        servers = [Redis(self) for _ in range(3)]
        config = self.config([r.port for r in servers], kind="redlock", wait="3s")
        proxy, report = self.changes(config)
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
        servers[0].start()  # without any data
        report = proxy.reload()
        self.assertEqual(report["verdict"], "applied")
        fences.append(report["fence"])
        self.assertEqual(fences, sorted(set(fences)))  # they rise; a try that failed may have cost one

    def test_a_server_that_hangs_is_not_waited_for_when_the_others_decide(self):
        """A change needs about twenty calls; each must not take the timeout of the hanging server, 1 s."""
        servers = [Redis(self) for _ in range(3)]
        config = self.config([r.port for r in servers], kind="redlock")
        proxy, report = self.changes(config)
        self.assertEqual(report["verdict"], "applied")
        for hung in servers:
            hung.hang()
            began = time.monotonic()
            report = proxy.reload(config + f"limits: {{header_count: {60 + servers.index(hung)}}}\n")
            self.assertEqual(report["verdict"], "applied", report)
            self.assertLess(time.monotonic() - began, 15)
            hung.go_on()
            eventually(lambda: hung.call("EXISTS", "weir:{test}:lock") == "0", "it has no lease")

    def test_a_sentinel_failover_that_loses_the_lock_does_no_harm(self):
        """Sentinels name the master. The replica that takes over may not have the lock."""
        master = Redis(self)
        replica = self.replica_of(master)
        folder, sentinels = self.folder(), []
        for i in range(3):
            path, at = os.path.join(folder, f"sentinel-{i}.conf"), free_port()
            with open(path, "w") as f:
                f.write(
                    f"port {at}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor weir 127.0.0.1 {master.port} 2\n"
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
        proxy, report = self.changes(self.config(urls, wait="1s"))
        self.assertIn("NOAUTH", report["errors"][0])
        proxy.stop()
        config = self.config([{"url": url, "sentinel_password": "open-sesame"} for url in urls])
        proxy, report = self.changes(config)
        self.assertEqual(report["verdict"], "applied", report)
        self.assertNotIn("sesame", proxy.log() + json.dumps(report))
        fence = report["fence"]
        master.kill()
        eventually(lambda: "role:master" in replica.call("INFO", "replication"), "the replica is the master", 60)
        replica.call("FLUSHALL")
        report = proxy.reload(config + "limits: {header_count: 51}\n")
        self.assertEqual(report["verdict"], "applied")
        self.assertGreater(report["fence"], fence)  # from the fence that this machine has on disk
        self.assertEqual(replica.call("GET", "weir:{test}:fence"), str(report["fence"]))


if __name__ == "__main__":
    main()
