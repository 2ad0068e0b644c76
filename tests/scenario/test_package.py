"""The Debian package, on a private machine: it is installed, runs as its unit says, reloads, is upgraded under load,
removed and purged. fake_systemd.py stands in for systemd; everything else is real."""
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from support import private_machine
from support.fake_systemd import Systemd
from support.peers import is_running
from support.scenario import TIMEOUT, SOURCE, Backend, Client, Scenario, eventually, has_failed, main

BUILD = os.path.abspath(os.environ.get("WEIR_BUILD", "build/dev"))
UNIT, CONFIG, LOG = "/lib/systemd/system/weir.service", "/etc/weir/weir.yaml", "/var/log/weir/access.log"
POLICY = "/usr/sbin/policy-rc.d"
TOOLS = (
    "dpkg-buildpackage",
    "dh",
    "lintian",
    "fakeroot",
    "systemd-sysusers",
    "systemd-analyze",
    "setpriv",
    "logrotate",
)


def run(*command, code=0, **kwargs):
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=4 * TIMEOUT,
        **kwargs,
    )
    if done.returncode != code:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
    return done.stdout


def read(path):
    with open(path) as f:
        return f.read()


def write(path, text, mode=0o644):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def repack(package, version, change):
    """Rebuilds the package with another version, after `change(root)`."""
    root = os.path.join(os.path.dirname(package), version)
    run("dpkg-deb", "-R", package, root)
    control = root + "/DEBIAN/control"
    write(control, re.sub(r"(?m)^Version: .*", f"Version: {version}", read(control)))
    change(root)
    target = os.path.join(os.path.dirname(package), f"weir_{version}.deb")
    run("dpkg-deb", "-Znone", "-b", root, target)
    shutil.rmtree(root)
    return target


def change_configuration(root):
    with open(root + CONFIG, "a") as f:
        f.write("# From the newer package.\n")


def break_program(root):
    write(root + "/usr/sbin/weir", "#!/bin/sh\necho this program does not start >&2\nexit 7\n", 0o755)


class Load:
    """Clients that send requests without a pause: some keep their connection, some open a new one for each request."""

    def __init__(self, port):
        self.port, self.answers, self.failures, self.ended = port, 0, [], threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(kept,)) for kept in (True, True, False, False)]

    def ask(self, kept):
        client = None
        while not self.ended.is_set() and len(self.failures) < 20:
            try:
                client = client or Client(self.port)
                response = client.get("/")
                if response["status"] != 200:
                    self.failures.append(response["status"])
                self.answers += 1
                # An upgrade ends kept connections with an answer that announces the close.
                if not kept or response["fields"].get("connection") == "close":
                    client.close()
                    client = None
            except (OSError, AssertionError) as problem:
                self.failures.append(repr(problem))
                client = None
        if client:
            client.close()

    def wait_for(self, more):
        target = self.answers + more
        eventually(lambda: self.answers >= target, f"{more} more answers")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_for(100)
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class Package(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="weir-package-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        told = run(
            os.path.join(SOURCE, "dev"),
            "package",
            "--from",
            BUILD,
            "--to",
            cls.directory,
            env=dict(os.environ, DEB_BUILD_OPTIONS="noautodbgsym"),
        )
        cls.package = told.splitlines()[-1]
        cls.newer = repack(cls.package, "0.1.1", change_configuration)
        cls.systemd = Systemd("weir", UNIT)

    def setUp(self):
        self.addCleanup(self.purge)
        self.web = Backend(name="web", port=8080)  # the backend in the package's configuration
        self.addCleanup(self.web.close)
        self.addCleanup(self.tell_if_failed)

    def purge(self):
        run("dpkg", "--no-triggers", "--purge", "weir")
        self.systemd.forget()

    def install(self, package=None, *options):
        return run("dpkg", "--force-unsafe-io", "--no-triggers", *options, "-i", package or self.package)

    def tell_if_failed(self):
        if has_failed(self):
            print(
                "--- systemctl", *self.systemd.calls, "--- journal", self.systemd.journal(), sep="\n", file=sys.stderr
            )

    def serves(self):
        with Client(80) as client:
            return client.get("/")["status"]

    def set_configuration(self, more):
        write(CONFIG, read(CONFIG) + more)

    def test_it_serves_at_once_by_what_its_unit_says(self):
        self.install()
        self.assertEqual(self.serves(), 200)
        account = pwd.getpwnam("weir")
        self.assertLess(account.pw_uid, 1000)
        self.assertTrue(account.pw_shell.endswith("nologin"), account)
        state = dict(re.findall(r"(?m)^(\w+):\t(.*)$", read(f"/proc/{self.systemd.main}/status")))
        self.assertEqual(state["Uid"].split(), [str(account.pw_uid)] * 4)
        self.assertEqual(
            {int(state[key], 16) for key in ("CapEff", "CapBnd", "CapAmb")}, {1 << 10}
        )  # it may bind low ports, and nothing else
        self.assertEqual((state["NoNewPrivs"], state["Seccomp"]), ("1", "2"))
        self.assertEqual(os.readlink(f"/proc/{self.systemd.main}/exe"), "/usr/sbin/weir")
        self.assertEqual(run("systemctl", "is-enabled", "weir.service"), "enabled\n")
        self.assertIn("web", run("weir", "status", "-c", CONFIG))
        eventually(lambda: "GET /" in read(LOG), "the request is in the access log")
        for path, owner in ((LOG, account.pw_uid), ("/var/lib/weir", account.pw_uid), (CONFIG, 0)):
            self.assertEqual(os.stat(path).st_uid, owner, path)
        eventually(
            lambda: any(
                sender == self.systemd.main and "WATCHDOG" in report for sender, report in self.systemd.reports
            ),
            "a report to the watchdog",
        )

    def test_systemctl_reload_applies_an_edit_and_fails_with_the_reason(self):
        self.install()
        self.set_configuration("limits: {header_count: 50}\n")
        run("systemctl", "reload", "weir.service")
        with Client(80) as client:
            self.assertEqual(client.get("/", extra="A: b\r\n" * 60)["status"], 431)
        self.set_configuration("nonsense: 1\n")
        self.assertIn("nonsense", run("systemctl", "reload", "weir.service", code=1))
        self.assertEqual(self.serves(), 200)

    def test_an_upgrade_under_load_fails_no_request_and_keeps_the_edited_file(self):
        self.install()
        self.set_configuration("# The administrator's.\n")
        edited, before = read(CONFIG), self.systemd.main
        with Load(80) as load:
            self.install(self.newer, "--force-confdef", "--force-confold")  # like unattended upgrades
            after = self.systemd.main
            load.wait_for(100)
            eventually(lambda: not is_running(before), "the old process has ended")
            load.wait_for(100)
        self.assertEqual(load.failures, [])
        self.assertNotEqual(after, before)
        self.assertEqual(os.readlink(f"/proc/{after}/exe"), "/usr/sbin/weir")  # a replaced binary shows "(deleted)"
        self.assertEqual(read(CONFIG), edited)
        self.assertIn("# From the newer package.", read(CONFIG + ".dpkg-dist"))
        run("systemctl", "reload", "weir.service")

    def test_an_upgrade_brings_the_new_default_to_those_who_have_not_edited_it(self):
        self.install()
        self.install(self.newer)
        self.assertIn("# From the newer package.", read(CONFIG))
        self.assertEqual(self.serves(), 200)

    def test_a_new_program_that_does_not_start_leaves_the_old_one_serving(self):
        self.install()
        before = self.systemd.main
        with Load(80) as load:
            told = self.install(repack(self.package, "0.1.2", break_program))
            load.wait_for(100)
        self.assertEqual((load.failures, self.systemd.main), ([], before))
        self.assertRegex(told, r"the old one continues: the upgrade to process \d+ failed: .*exit status 7")

    def test_a_service_that_was_stopped_is_not_started_by_an_upgrade(self):
        self.install()
        run("systemctl", "stop", "weir.service")
        self.install(self.newer)
        self.assertFalse(self.systemd.is_active())
        with self.assertRaises(OSError):
            self.serves()

    def test_an_administrators_policy_prevents_the_start_and_the_hot_restart(self):
        self.addCleanup(lambda: os.path.exists(POLICY) and os.unlink(POLICY))
        write(POLICY, "#!/bin/sh\nexit 101\n", 0o755)
        self.install()
        self.assertFalse(self.systemd.is_active())
        run("systemctl", "start", "weir.service")
        before = self.systemd.main
        self.install(self.newer)
        self.assertEqual(self.systemd.main, before)
        os.unlink(POLICY)

    def test_it_can_be_installed_where_systemd_does_not_run(self):
        os.rename("/run/systemd/system", "/run/systemd/aside")
        try:
            self.install()
            self.install(self.newer)
            self.assertEqual(run("weir", "check", "-c", CONFIG).count(": ok"), 1)
            self.assertFalse(self.systemd.is_active())
        finally:
            os.rename("/run/systemd/aside", "/run/systemd/system")

    def test_removal_keeps_what_the_administrator_owns_and_purge_removes_it(self):
        self.install()
        main_process = self.systemd.main
        self.assertEqual(self.serves(), 200)
        run("dpkg", "--remove", "weir")
        self.assertFalse(is_running(main_process))
        self.assertFalse(os.path.exists("/usr/sbin/weir") or os.path.exists(UNIT))
        self.assertTrue(os.path.exists(CONFIG) and os.path.exists(LOG))
        run("dpkg", "--purge", "weir")
        for path in ("/etc/weir", "/var/log/weir", "/var/lib/weir", "/etc/logrotate.d/weir"):
            self.assertFalse(os.path.exists(path), path)
        self.assertTrue(pwd.getpwnam("weir"))  # its user ID must not be reused

    def test_logrotate_has_the_access_log_reopened(self):
        self.install()
        self.serves()
        eventually(lambda: os.path.getsize(LOG), "the request is in the access log")
        run("logrotate", "--force", "--state", self.directory + "/rotated", "/etc/logrotate.d/weir")
        self.assertIn("GET /", read(LOG + ".1"))

        def written():
            self.serves()
            return os.path.getsize(LOG)

        eventually(written, "requests are in the new access log")


def why_not():
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    return "not installed: " + ", ".join(missing) if missing else private_machine.why_not()


if __name__ == "__main__":
    reason = why_not()
    if reason:
        Package = unittest.skip(reason)(Package)
    elif not os.environ.get(private_machine.INSIDE):
        private_machine.enter()
    else:
        private_machine.prepare()
    main()
