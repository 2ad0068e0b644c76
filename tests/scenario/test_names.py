"""Backends by host name: each address is a backend of its own, and no answer of a name server takes the last one away.

Weir asks a name server that the scenario runs: it has its own /etc/resolv.conf, in a mount namespace."""
import os
import random
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

from support.scenario import Client, Scenario, eventually, free_port, main

TYPES = {1: "A", 28: "AAAA"}
CHECK = "health_check: {type: http, path: /healthz, interval: 200ms, timeout: 200ms, fall: 20, rise: 1}"


def may_mount():
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


class NameServer:
    """Answers from a table; a name that is not in it does not exist, and one whose entry is None gets no answer."""

    def __init__(self):
        self.table, self.asked, self.rcode = {}, 0, 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:
            self.host = f"127.{random.randint(1, 250)}.{random.randint(1, 250)}.53"
            try:
                self.sock.bind((self.host, 53))
                break
            except OSError as problem:
                if problem.errno != 98:
                    raise
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, client = self.sock.recvfrom(4096)
            except OSError:
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode())
                at += 1 + query[at]
            question = query[12 : at + 5]
            kind = TYPES.get(struct.unpack(">H", query[at + 1 : at + 3])[0])
            self.asked += 1
            entry = self.table.get(".".join(labels).lower(), {})
            if entry is None:
                continue
            records = [] if self.rcode else [a for a in entry.get(kind, [])]
            rcode = self.rcode or (0 if entry or ".".join(labels).lower() in self.table else 3)
            out = query[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, len(records), 0, 0) + question
            for address in records:
                packed = socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, address)
                out += struct.pack(">HHHIH", 0xC00C, 1 if kind == "A" else 28, 1, 0, len(packed)) + packed
            self.sock.sendto(out, client)

    def close(self):
        self.sock.close()


@unittest.skipUnless(may_mount(), "mount namespaces are not allowed here")
class NamesScenario(Scenario):
    timeout = 2  # seconds that weir waits for the name server

    def setUp(self):
        self.server = NameServer()
        self.addCleanup(self.server.close)
        resolv = tempfile.NamedTemporaryFile("w", delete=False)
        self.addCleanup(os.unlink, resolv.name)
        resolv.write(f"nameserver {self.server.host}\noptions timeout:{self.timeout} attempts:1\n")
        resolv.close()
        self.wrapper = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolv.name)
        self.port, self.behind = free_port(), free_port()
        self.hosts = {}

    def at(self, *hosts):
        """Starts backends behind the name, all on one port."""
        for host in hosts:
            self.hosts[host] = self.backend(name=host, port=self.behind, host=host)

    def config(self, name="app.test", check=CHECK, more="resolve_every: 1s"):
        return f"""listeners: {{web: {{address: "127.0.0.1:{self.port}", pool: web}}}}
pools:
  web:
    backends: [{{name: app, address: "{name}:{self.behind}"}}]
    {check}
    {more}
"""

    def serve(self, **kwargs):
        self.proxy = self.weir(self.config(**kwargs), wrapper=self.wrapper)

    def answers(self, count=12):
        with Client(self.port) as client:
            got = [client.get("/") for _ in range(count)]
        return {a["fields"].get("x-backend") for a in got}

    def names(self):
        return sorted(self.proxy.backends())


class Names(NamesScenario):
    def test_a_name_stands_for_each_of_its_addresses_and_follows_them(self):
        self.at("127.0.0.1", "127.0.0.2", "::1")
        self.server.table["app.test"] = {"A": ["127.0.0.1", "127.0.0.2"], "AAAA": ["::1"]}
        self.serve()
        self.proxy.wait_up(3)
        self.assertEqual(self.names(), ["app@127.0.0.1", "app@127.0.0.2", "app@::1"])
        self.assertEqual(self.answers(), {"127.0.0.1", "127.0.0.2", "::1"})
        self.hosts["127.0.0.2"].close()
        eventually(lambda: self.proxy.backends()["app@127.0.0.2"]["state"] == "down", "one dies")
        kept = self.proxy.backends()
        self.at("127.0.0.3")
        self.server.table["app.test"] = {"A": ["127.0.0.2", "127.0.0.3"], "AAAA": ["::1"]}
        eventually(lambda: self.names() == ["app@127.0.0.2", "app@127.0.0.3", "app@::1"], "the new addresses are here")
        self.proxy.wait_up(2)
        now = self.proxy.backends()
        self.assertEqual(now["app@127.0.0.2"]["state"], "down")  # the health record of an address is kept
        self.assertGreaterEqual(now["app@127.0.0.2"]["failures_in_a_row"], kept["app@127.0.0.2"]["failures_in_a_row"])
        self.assertEqual(now["app@::1"]["since"], kept["app@::1"]["since"])
        self.assertEqual(self.answers(), {"127.0.0.3", "::1"})

    def test_answers_that_are_empty_or_fail_change_nothing(self):
        self.at("127.0.0.1", "127.0.0.2")
        self.server.table["app.test"] = {"A": ["127.0.0.1", "127.0.0.2"]}
        self.serve()
        self.proxy.wait_up(2)
        for rcode, entry in (
            (0, {}),
            (2, {"A": ["127.0.0.9"]}),
            (3, {}),
            (0, None),
        ):  # empty, server failure, no such name, silence
            self.server.rcode, self.server.table["app.test"] = rcode, entry
            asked = self.server.asked
            eventually(lambda: self.server.asked > asked + 2, "it has been asked")
            self.assertEqual(self.names(), ["app@127.0.0.1", "app@127.0.0.2"])
            self.assertEqual(self.answers(), {"127.0.0.1", "127.0.0.2"})
        self.proxy.wait_logged('cannot resolve "app.test"')
        self.server.rcode, self.server.table["app.test"] = 0, {"A": ["127.0.0.2"]}
        eventually(lambda: self.names() == ["app@127.0.0.2"], "it follows again")

    def test_a_file_with_a_name_that_cannot_be_found_is_refused_whole(self):
        self.at("127.0.0.1")
        self.server.table["app.test"] = {"A": ["127.0.0.1"]}
        self.serve()
        self.proxy.wait_up(1)
        report = self.proxy.reload(self.config(name="ap.test"))
        self.assertEqual(report["verdict"], "refused")
        self.assertRegex(
            report["errors"][0],
            r'weir.yaml:4:\d+: pools.web.backends\[0\].address: cannot resolve "ap.test": .*check its spelling',
        )
        self.assertEqual(self.answers(), {"127.0.0.1"})
        self.server.table["slow.test"] = None
        report = self.proxy.reload(self.config(name="slow.test"))
        self.assertEqual(report["verdict"], "refused")

    def test_weir_starts_without_an_unresolvable_name_and_keeps_resolving_it(self):
        self.at("127.0.0.1")
        fixed = self.backend(name="fixed")

        def config(name="later.test"):
            return (
                self.config(name=name, check="", more="resolve_every: 1m")
                + f"""
  lonely: {{backends: [{{name: app, address: "{name}:{self.behind}"}}], algorithm: hash, sticky: {{cookie: who}}}}
  other: {{backends: ["{fixed.address}"]}}
routes:
  - {{match: {{path_prefix: /other}}, pool: other}}
  - {{match: {{path_prefix: /lonely}}, pool: lonely}}
"""
            )

        self.proxy = self.weir(config(), wrapper=self.wrapper)
        self.proxy.wait_logged(
            r'pools\.web\.backends\[0\]\.address: cannot resolve "later.test": .*starting without these backends'
        )
        with Client(self.port) as client:
            self.assertEqual(client.get("/other")["fields"]["x-backend"], "fixed")
            self.assertEqual([client.get("/")["status"] for _ in range(3)], [503] * 3)
            self.assertEqual(client.get("/lonely")["status"], 503)
        pools = {pool["name"]: pool for pool in self.proxy.status()["pools"]}
        self.assertEqual(pools["web"]["unresolved"], [f"later.test:{self.behind}"])
        self.assertEqual((pools["web"]["backends"], pools["other"].get("unresolved")), ([], None))
        # The name is in force: a reload that keeps it is not refused, one with another unknown name is.
        self.assertEqual(self.proxy.reload(config() + "limits: {header_count: 50}\n")["verdict"], "applied")
        self.assertEqual(self.proxy.reload(config("never.test"))["verdict"], "refused")
        self.server.table["later.test"] = {"A": ["127.0.0.1"]}
        self.proxy.wait_up(1)  # at once, not after a minute
        self.assertEqual(self.answers(), {"127.0.0.1"})
        pools = {pool["name"]: pool for pool in self.proxy.status()["pools"]}
        self.assertNotIn("unresolved", pools["web"])

    def test_a_start_from_the_last_good_configuration_tolerates_missing_names(self):
        self.at("127.0.0.1")
        self.server.table["app.test"] = {"A": ["127.0.0.1"]}
        self.serve()
        self.proxy.wait_up(1)
        eventually(lambda: any(name.startswith("last-good") for name in os.listdir(self.proxy.state_dir)), "it is kept")
        self.assertEqual(self.proxy.stop(), 0)
        del self.server.table["app.test"]
        self.proxy = self.weir(
            "listeners: {",
            path=self.proxy.path,
            state_dir=self.proxy.state_dir,
            admin_port=self.proxy.admin_port,
            wrapper=self.wrapper,
            arguments=("--last-good", "--state-dir", self.proxy.state_dir),
        )
        self.proxy.wait_logged('cannot resolve "app.test"')

    def test_all_addresses_of_a_name_are_drained_at_once_or_one_alone(self):
        self.at("127.0.0.1", "127.0.0.2")
        self.server.table["app.test"] = {"A": ["127.0.0.1", "127.0.0.2"]}
        self.serve(check="")
        self.proxy.wait_up(2)

        def change(who, what):
            return self.assertEqual(self.proxy.admin("POST", f"/api/v1/backends/web/{who}?{what}")[0], 200)

        change("app@127.0.0.1", "state=drain")
        self.assertEqual(self.answers(), {"127.0.0.2"})
        change("app@127.0.0.1", "state=file")
        change("app", "state=maint")
        self.assertEqual(self.proxy.states(), ["maint", "maint"])
        change("app", "state=file")
        self.assertEqual(self.answers(), {"127.0.0.1", "127.0.0.2"})


class Hanging(NamesScenario):
    timeout = 5  # leaves time to observe

    def test_a_hanging_name_server_delays_neither_traffic_nor_reload_nor_stop(self):
        self.at("127.0.0.1")
        self.server.table["app.test"] = {"A": ["127.0.0.1"]}
        self.serve()
        self.proxy.wait_up(1)
        self.server.table["app.test"] = None
        asked = self.server.asked
        eventually(lambda: self.server.asked > asked, "a look-up is under way")
        self.assertEqual(self.answers(), {"127.0.0.1"})
        self.assertEqual(
            self.proxy.reload(self.config() + "limits: {header_count: 50}\n")["verdict"], "applied"
        )  # a name in use is not looked up again
        asked = self.server.asked
        eventually(lambda: self.server.asked > asked, "a look-up is under way")
        self.assertEqual(self.proxy.stop(), 0)


if __name__ == "__main__":
    main()
