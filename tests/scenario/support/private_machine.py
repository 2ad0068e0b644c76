"""A private machine for a scenario: it has the files of this machine, and its changes to them are private and end with
it. It also has its own network, processes and /run. Needs root."""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys

INSIDE = "WEIR_PRIVATE_MACHINE"
FOLDERS = ("/etc", "/usr", "/var")
libc = ctypes.CDLL(None, use_errno=True)
UNSHARE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")


def why_not():
    """Returns the reason that a private machine is impossible here, or None if it is possible."""
    if os.environ.get(INSIDE):
        return None
    if os.geteuid() != 0:
        return "needs root"
    probe = (
        "mount -t tmpfs none /mnt && mkdir /mnt/a /mnt/b && mount -t overlay none -o "
        "lowerdir=/etc,upperdir=/mnt/a,workdir=/mnt/b /etc"
    )
    done = subprocess.run([*UNSHARE, "sh", "-c", probe], capture_output=True, text=True)
    return None if done.returncode == 0 else f"no private mounts here: {done.stderr.strip()}"


def enter():
    """Runs this program again inside a private machine."""
    os.environ[INSIDE] = "yes"
    os.execvp(UNSHARE[0], [*UNSHARE, sys.executable, "-B", *sys.argv])


def mount(source, target, kind, flags=0, data=""):
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}: {os.strerror(ctypes.get_errno())}")


def prepare():
    """Prepares the private machine, once. From then on, changes to the system's files are kept in memory."""
    mount("tmpfs", "/mnt", "tmpfs")
    for folder in FOLDERS:
        aside = "/mnt" + folder
        os.makedirs(aside + "/upper")
        os.makedirs(aside + "/work")
        mount("overlay", folder, "overlay", 0, f"lowerdir={folder},upperdir={aside}/upper,workdir={aside}/work")
    mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
    os.makedirs("/run/lock")
    with socket.socket() as s:  # the loopback interface of a new network is down
        request = struct.pack("16sh14x", b"lo", 0x1)
        fcntl.ioctl(s, 0x8914, request)
    with contextlib.suppress(FileNotFoundError):
        os.unlink("/usr/sbin/policy-rc.d")
