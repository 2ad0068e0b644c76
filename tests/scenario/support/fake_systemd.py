"""Stands in for systemd on a private machine where systemd does not run: starts one service as its unit says, receives
its notifications, and answers `systemctl`."""
import contextlib
import json
import os
import pwd
import re
import shlex
import signal
import socket
import subprocess
import threading

from support import unit_sandbox
from support.peers import TIMEOUT, eventually, is_running

CONTROL, NOTIFY = "/run/systemd/fake", "/run/systemd/notify"
SYSTEMCTL = """#!/usr/bin/python3 -I
import json, os, socket, sys
if {"preset", "enable", "disable", "is-enabled", "mask", "unmask"} & set(sys.argv):
    # These only change links in /etc, which needs no systemd.
    os.execve("/usr/bin/systemctl.real", sys.argv, dict(os.environ, SYSTEMD_OFFLINE="1"))
with socket.socket(socket.AF_UNIX) as s:
    s.connect("/run/systemd/fake")
    s.sendall(json.dumps(sys.argv[1:]).encode())
    s.shutdown(socket.SHUT_WR)
    answer = json.loads(b"".join(iter(lambda: s.recv(65536), b"")))
sys.stdout.write(answer["output"])
sys.exit(answer["code"])
"""


def read_unit(path):
    """Returns each key with its values in order."""
    unit = {}
    with open(path) as f:
        for key, value in re.findall(r"^(\w+)=(.*)$", f.read(), re.M):
            unit.setdefault(key, []).append(value)
    return unit


def seconds(text):
    amount, kind = re.fullmatch(r"(\d+)(s|min)", text).groups()
    return int(amount) * (60 if kind == "min" else 1)


class Systemd:
    def __init__(self, name, unit_path):
        self.name, self.path = name, unit_path
        self.main, self.ready, self.status, self.calls, self.reports, self.processes = 0, False, "", [], [], set()
        os.makedirs("/run/systemd/system", exist_ok=True)
        self.notify = self.listen(NOTIFY, socket.SOCK_DGRAM)
        self.notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        os.chmod(NOTIFY, 0o777)
        self.control = self.listen(CONTROL, socket.SOCK_STREAM)
        self.control.listen(16)
        os.rename("/usr/bin/systemctl", "/usr/bin/systemctl.real")
        with open("/usr/bin/systemctl", "w") as f:
            f.write(SYSTEMCTL)
        os.chmod(f.name, 0o755)
        for serve in (self.take_reports, self.take_calls):
            threading.Thread(target=serve, daemon=True).start()

    def listen(self, path, kind):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        s = socket.socket(socket.AF_UNIX, kind)
        s.bind(path)
        return s

    def take_reports(self):
        while True:
            text, ancillary, _, _ = self.notify.recvmsg(4096, socket.CMSG_SPACE(12))
            sender = int.from_bytes(ancillary[0][2][:4], "little")
            report = dict(line.split("=", 1) for line in text.decode().splitlines())
            self.processes.add(sender)
            if "MAINPID" in report:
                self.main = int(report["MAINPID"])
            self.status = report.get("STATUS", self.status)
            self.reports.append((sender, report))
            self.ready |= report.get("READY") == "1"

    def take_calls(self):
        while True:
            connection, _ = self.control.accept()
            threading.Thread(target=self.take_call, args=(connection,), daemon=True).start()

    def take_call(self, connection):
        with connection:
            arguments = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
            self.calls.append(arguments)
            options = dict(
                re.fullmatch(r"--([\w-]+)=?(.*)", a).groups() for a in arguments if a.startswith("--") and a != "--"
            )
            verb, *_ = [a for a in arguments if not a.startswith("--")]
            try:
                code, output = getattr(self, "do_" + verb.replace("-", "_"))(options)
            except Exception as problem:  # what systemctl would print
                code, output = 1, f"{problem!r}\n"
            self.calls.append((code, output))
            connection.sendall(json.dumps({"code": code, "output": output}).encode())

    def is_active(self):
        return self.ready and is_running(self.main)

    def spawn(self, command, **kwargs):
        unit = read_unit(self.path)
        account = pwd.getpwnam(unit["User"][-1])
        unit_sandbox.make_directories(unit, account.pw_uid, account.pw_gid)
        # The shell sets WATCHDOG_PID to its own process ID, which `exec` keeps for the command.
        environment = {
            "PATH": os.defpath,
            "NOTIFY_SOCKET": NOTIFY,
            "WATCHDOG_USEC": str(seconds(unit["WatchdogSec"][-1]) * 1000000),
        }
        wrapped = ["/bin/sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh", *unit_sandbox.command_line(unit, command)]
        return subprocess.Popen(wrapped, env=environment, cwd="/", start_new_session=True, **kwargs)

    def do_start(self, _):
        if self.is_active():
            return 0, ""
        self.ready = False
        with open("/run/systemd/journal", "a") as journal:
            process = self.spawn(shlex.split(read_unit(self.path)["ExecStart"][-1]), stdout=journal, stderr=journal)
        self.main, self.started = process.pid, process
        self.processes.add(process.pid)
        eventually(lambda: self.ready or process.poll() is not None, "the service is ready, or has ended")
        return (0, "") if self.ready else (1, f"the service ended with {process.poll()}: {self.journal()}\n")

    def do_reload(self, _):
        process = self.spawn(
            shlex.split(read_unit(self.path)["ExecReload"][-1]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output = process.communicate(timeout=TIMEOUT)[0]
        return process.returncode, output

    def do_stop(self, _):
        """Stops it as KillMode=mixed does: TERM to the main process, then KILL to the processes that are left."""
        assert read_unit(self.path)["KillMode"] == ["mixed"]
        if self.is_active():
            os.kill(self.main, signal.SIGTERM)
            eventually(lambda: not is_running(self.main), "the service has ended")
            for pid in filter(is_running, self.processes):
                os.kill(pid, signal.SIGKILL)
            self.started.wait(TIMEOUT)
        self.ready, self.main = False, 0
        return 0, ""

    def do_restart(self, options):
        self.do_stop(options)
        return self.do_start(options)

    def do_kill(self, options):
        assert options["kill-whom"] == "main", options
        os.kill(self.main, getattr(signal, "SIG" + options["signal"]))
        return 0, ""

    def do_show(self, options):
        return 0, {"MainPID": str(self.main), "StatusText": self.status}[options["property"]] + "\n"

    def do_is_active(self, _):
        return (0, "active\n") if self.is_active() else (3, "inactive\n")

    def do_daemon_reload(self, _):
        return 0, ""

    def forget(self):
        """Forgets a removed service."""
        self.ready, self.main, self.status, self.reports, self.calls, self.processes = False, 0, "", [], [], set()
        with contextlib.suppress(FileNotFoundError):
            os.unlink("/run/systemd/journal")

    def journal(self):
        with contextlib.suppress(FileNotFoundError), open("/run/systemd/journal") as f:
            return f.read()
        return ""
