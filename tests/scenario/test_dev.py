"""./dev installs packages and leaves nothing of its own on the machine, even if it is interrupted."""
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from support import private_machine
from support.scenario import TIMEOUT, SOURCE, eventually, main

POLICY = "/usr/sbin/policy-rc.d"
FAKE_APT = """#!/bin/sh
env >"$FAKE/environment.$1"
[ ! -e /usr/sbin/policy-rc.d ] || cp /usr/sbin/policy-rc.d "$FAKE/policy"
[ "$1" = install ] || exit 0
echo "$@" >"$FAKE/installing"
while [ -e "$FAKE/hang" ]; do sleep 0.05; done
"""


class Install(unittest.TestCase):
    """`./dev format` with a fake apt-get and dpkg-query, as on a machine where nothing is installed yet."""

    def setUp(self):
        self.fake = tempfile.mkdtemp(prefix="weir-dev-")
        self.addCleanup(shutil.rmtree, self.fake)
        self.script("apt-get", FAKE_APT)
        self.script("dpkg-query", "#!/bin/sh\nexit 1\n")
        for formatter in ("clang-format", "black", "flake8"):
            self.script(formatter, "#!/bin/sh\n")
        self.script("sudo", '#!/bin/sh\nexec "$@"\n')  # used unless the test runs as root

    def script(self, name, text):
        with open(os.path.join(self.fake, name), "w") as f:
            f.write(text)
        os.chmod(f.name, 0o755)

    def start(self):
        process = subprocess.Popen(
            [os.path.join(SOURCE, "dev"), "format", "--check"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=dict(os.environ, PATH=f"{self.fake}:{os.environ['PATH']}", FAKE=self.fake),
        )

        def end():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()

        self.addCleanup(end)
        return process

    def read(self, name):
        with open(os.path.join(self.fake, name)) as f:
            return f.read()

    def exists(self, name):
        return os.path.exists(os.path.join(self.fake, name))

    def test_an_interrupted_installation_leaves_no_policy_behind(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with open(os.path.join(self.fake, "hang"), "w"):
                process = self.start()
            eventually(lambda: self.exists("installing"), "packages are being installed")
            os.killpg(process.pid, number)
            self.assertNotEqual(process.wait(TIMEOUT), 0)
            self.assertFalse(os.path.exists(POLICY))
            os.unlink(os.path.join(self.fake, "installing"))

    def test_nothing_on_the_machine_changes_while_packages_are_installed(self):
        process = self.start()
        output = process.communicate(timeout=TIMEOUT)[0]
        self.assertEqual(process.returncode, 0, output)
        self.assertIn("clang-format", self.read("installing"))
        self.assertFalse(self.exists("policy"))

    def test_services_of_new_packages_are_not_started(self):
        """systemctl and invoke-rc.d obey these two variables."""
        self.start().communicate(timeout=TIMEOUT)
        environment = self.read("environment.install").splitlines()
        self.assertIn("SYSTEMD_OFFLINE=1", environment)
        self.assertIn("RUNLEVEL=1", environment)

    @unittest.skipUnless(shutil.which("systemctl"), "systemctl is not installed")
    def test_systemctl_starts_nothing_while_systemd_is_offline(self):
        done = subprocess.run(
            ["systemctl", "start", "weir-test-of-dev.service"],
            env=dict(os.environ, SYSTEMD_OFFLINE="1"),
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.returncode, done.stderr), (0, "Running in chroot, ignoring command 'start'\n"))

    def test_an_existing_policy_stays_and_a_leftover_of_dev_is_named(self):
        """An earlier ./dev left a policy-rc.d behind if it was interrupted; ./dev says that it can be removed."""
        for text, named in (("#!/bin/sh\nexit 101\n", True), ("#!/bin/sh\n# The administrator's.\nexit 101\n", False)):
            with open(POLICY, "w") as f:
                f.write(text)
            output = self.start().communicate(timeout=TIMEOUT)[0]
            with open(POLICY) as f:
                self.assertEqual(f.read(), text)
            self.assertEqual(POLICY in output, named, output)
            os.unlink(POLICY)


if __name__ == "__main__":
    reason = private_machine.why_not()
    if reason:
        Install = unittest.skip(reason)(Install)
    elif not os.environ.get(private_machine.INSIDE):
        private_machine.enter()
    else:
        private_machine.prepare()
    main()
