"""systemd's watchdog (WatchdogSec): weir reports only while the control thread and every worker make progress, so
systemd restarts a hanging weir."""
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import tempfile
import time
import unittest

from support.scenario import TIMEOUT, Scenario, eventually, free_port, main, web

PERIOD = 0.3  # seconds; weir reports three times in it
ALIVE = b"WATCHDOG=1"
libc = ctypes.CDLL(None, use_errno=True)


def ptrace(request, thread):
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    if libc.ptrace(request, thread, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def threads(pid):
    """Returns the threads of the process, as IDs by name."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm") as f:
            found[f.read().strip()] = int(thread)
    return found


@contextlib.contextmanager
def hung(thread):
    """Stops this thread; the others of its process continue."""
    seize, interrupt, detach, wait_for_threads = 0x4206, 0x4207, 17, 0x40000000
    try:
        ptrace(seize, thread)
    except PermissionError:
        raise unittest.SkipTest("threads of other processes cannot be stopped here (ptrace is not permitted)")
    ptrace(interrupt, thread)
    os.waitpid(thread, wait_for_threads)
    try:
        yield
    finally:
        ptrace(detach, thread)


class Watchdog(Scenario):
    def setUp(self):
        directory = tempfile.mkdtemp(prefix="weir-watchdog-")
        self.addCleanup(shutil.rmtree, directory)
        self.path = os.path.join(directory, "notify")
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        self.systemd.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.systemd.settimeout(TIMEOUT)
        self.systemd.bind(self.path)

    def start(self, period=PERIOD, **environment):
        watched = {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(int(period * 1000000)), **environment}
        return self.weir(web(free_port(), [self.backend()]), environment=watched)

    def receive(self):
        """Returns the next report and its sender."""
        text, ancillary, _, _ = self.systemd.recvmsg(4096, socket.CMSG_SPACE(12))
        return text, int.from_bytes(ancillary[0][2][:4], "little")

    def wait_alive(self, pid):
        while self.receive() != (ALIVE, pid):
            pass

    def waiting(self):
        """Returns the reports that have arrived."""
        self.systemd.setblocking(False)
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.receive())
        self.systemd.settimeout(TIMEOUT)
        return found

    def reports_while_it_hangs(self, thread):
        with hung(thread):
            self.waiting()
            time.sleep(5 * PERIOD)  # long enough for 15 reports of a healthy process
            return self.waiting()

    def test_reports_start_once_weir_serves_and_continue(self):
        pid = self.start().process.pid
        self.assertEqual(self.receive(), (f"READY=1\nMAINPID={pid}\nSTATUS=".encode(), pid))
        for _ in range(5):
            self.assertEqual(self.receive(), (ALIVE, pid))

    def test_a_hanging_worker_pauses_the_reports(self):
        pid = self.start().process.pid
        self.wait_alive(pid)
        # That worker may have answered the round under way already.
        self.assertLessEqual(len(self.reports_while_it_hangs(threads(pid)["worker-1"])), 1)
        self.wait_alive(pid)

    def test_a_hanging_control_thread_pauses_the_reports(self):
        pid = self.start().process.pid
        self.wait_alive(pid)
        self.assertEqual(self.reports_while_it_hangs(pid), [])
        self.wait_alive(pid)

    def test_after_an_upgrade_only_the_new_process_reports(self):
        proxy = self.start()
        old = proxy.process.pid
        self.wait_alive(old)
        proxy.signal(signal.SIGUSR2)
        new = eventually(
            lambda: next((sender for _, sender in self.waiting() if sender != old), None), "the new process reports"
        )
        self.wait_alive(new)
        proxy.process.wait(TIMEOUT)
        self.waiting()
        self.assertEqual({self.receive() for _ in range(5)}, {(ALIVE, new)})

    def test_a_failed_upgrade_keeps_reporting_and_explains_in_the_status(self):
        proxy = self.start()
        old = proxy.process.pid
        self.wait_alive(old)
        with open(proxy.path, "a") as f:
            f.write("nonsense: 1\n")
        proxy.signal(signal.SIGUSR2)
        found = []

        def failed():
            found.extend(
                text
                for text, sender in self.waiting()
                if sender == old and b"STATUS=" in text and not text.endswith(b"STATUS=")
            )
            return found

        eventually(failed, "the status says that the upgrade failed")
        self.assertRegex(
            found[0].decode(),
            rf"^READY=1\nMAINPID={old}\nSTATUS=the upgrade failed: the configuration on disk .* is not in force: ",
        )
        self.wait_alive(old)

    def test_no_reports_where_systemd_expects_none(self):
        for environment in ({"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}):
            proxy = self.start(**environment)
            text, pid = self.receive()
            self.assertTrue(text.startswith(b"READY=1"), text)
            self.systemd.settimeout(2 * PERIOD)
            with self.assertRaises(TimeoutError, msg=environment):  # a report would come within half a period
                self.receive()
            proxy.stop()
            self.waiting()


if __name__ == "__main__":
    main()
