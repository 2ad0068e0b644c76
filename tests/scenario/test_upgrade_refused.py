"""USR2: a new process starts with the configuration in force, or not at all."""
import os
import shutil
import signal
import subprocess

from support.redis_server import Redis, lock
from support.scenario import Scenario, eventually, free_port, main, web

OWN_PIDS = ("unshare", "--pid", "--fork", "--mount-proc")


class Refused(Scenario):
    def wait_refused(self, reason):
        self.proxy.signal(signal.SIGUSR2)
        self.proxy.wait_logged(f"upgrade refused: .*{reason}.*; this one continues")
        status = self.proxy.status()
        self.assertEqual((status["pid"], status["config"]["hash"]), (self.proxy.process.pid, self.before))

    def serve(self, config):
        self.config = config
        self.proxy = self.weir(config)
        self.before = self.proxy.status()["config"]["hash"]

    def hup(self, config, verdict):
        self.proxy.write(config)
        self.assertEqual(self.proxy.reload()["verdict"], verdict)

    def test_a_file_that_a_reload_has_refused_does_not_come_with_a_new_process(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        self.serve(web(port, [backend]) + lock(redis.port, wait="300ms"))
        redis.kill()
        self.hup(self.config + "limits: {header_count: 50}\n", "refused")
        self.wait_refused("is not in force: cannot acquire the lock")

    def test_a_file_that_was_rolled_back_does_not_come_with_a_new_process(self):
        port, backend = free_port(), self.backend()
        self.serve(web(port, [backend]) + "reload: {watch: false, rollback: {window: 10m}}\n")
        self.proxy.write(self.config + "limits: {header_count: 50}\n")
        self.proxy.admin("POST", "/api/v1/reload")
        eventually(lambda: self.proxy.status()["reload"]["window"], "it is watched")
        self.proxy.admin("POST", "/api/v1/reload/abort")
        self.wait_refused("is not in force: aborted by an operator")

    def test_an_unchecked_file_is_reloaded_before_an_upgrade_and_refused(self):
        """The errors of the file are the errors of the upgrade."""
        port, backend = free_port(), self.backend()
        self.serve(web(port, [backend]))
        self.proxy.write(self.config + "limits: {nonsense: 1}\n")
        self.wait_refused("is not in force: .*nonsense")

    def test_what_needs_a_restart_does_not_come_with_a_new_process(self):
        port, backend = free_port(), self.backend()
        self.serve(web(port, [backend]))
        self.proxy.workers = 3
        self.proxy.write(self.config)
        self.wait_refused("needs a restart")

    def test_a_good_file_is_applied_under_the_lock_before_the_upgrade(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        self.serve(web(port, [backend]) + lock(redis.port))
        self.proxy.write(self.config + "limits: {header_count: 50}\n")
        self.proxy.signal(signal.SIGUSR2)
        self.proxy.wait_logged("reload applied: .* fence 1,")
        self.assertEqual(self.proxy.process.wait(30), 0)
        pid = self.proxy.status()["pid"]
        self.addCleanup(os.kill, pid, signal.SIGTERM)
        with self.client(port) as client:
            self.assertEqual(client.get("/", extra="A: b\r\n" * 60)["status"], 431)

    def test_pid_1_is_not_replaced_because_its_container_would_end(self):
        if shutil.which("unshare") is None or subprocess.run([*OWN_PIDS, "true"], capture_output=True).returncode:
            self.skipTest("PID namespaces are not permitted here: unshare --pid --fork --mount-proc")
        port, backend = free_port(), self.backend()
        self.proxy = self.weir(web(port, [backend]), wrapper=OWN_PIDS)
        self.assertEqual(self.proxy.status()["pid"], 1)
        with open(f"/proc/{self.proxy.process.pid}/task/{self.proxy.process.pid}/children") as f:
            weir = int(f.read().split()[0])
        os.kill(weir, signal.SIGUSR2)
        self.proxy.wait_logged("upgrade refused: this process is PID 1: .*; this one continues")
        with self.client(port) as client:
            self.assertEqual(client.get("/")["status"], 200)
        os.kill(weir, signal.SIGTERM)
        self.proxy.process.wait(30)


if __name__ == "__main__":
    main()
