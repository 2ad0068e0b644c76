"""Every change of a configuration file is noticed, half-written files are not applied, and unwatchable ones are
reported."""
import mmap
import os
import shutil
import subprocess
import threading

from support.scenario import Scenario, eventually, free_port, main, web

# Runs a command as root of a user namespace that allows no inotify instances.
NO_INOTIFY = ("unshare", "-U", "-r", "sh", "-c", 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"', "sh")


def works(*command):
    return (
        shutil.which("unshare") is not None and subprocess.run([*command, "true"], capture_output=True).returncode == 0
    )


class Watch(Scenario):
    def serve(self, **kwargs):
        self.port, self.one = free_port(), self.backend(name="one")
        self.proxy = self.weir(web(self.port, [self.one]), watch=True, **kwargs)
        self.before = self.proxy.status()["config"]["hash"]

    def text(self, more):
        return self.proxy.whole(web(self.port, [self.one]) + more)

    def wait_changed(self):
        return eventually(
            lambda: self.proxy.status()["config"]["hash"] != self.before and self.proxy.status()["config"]["hash"],
            "the change is seen",
        )

    def watch(self):
        return self.proxy.status()["reload"]["watch"]

    def applied(self):
        return self.proxy.metrics()['weir_reloads_total{verdict="applied"}']

    def answers(self):
        """Returns the status of a request with 60 fields: 431 if a limit of 50 is in force."""
        with self.client(self.port) as client:
            return client.get("/", extra="A: b\r\n" * 60)["status"]

    def test_without_inotify_files_are_polled_and_the_log_says_so(self):
        if not works(*NO_INOTIFY):
            self.skipTest("user namespaces are not permitted here: unshare -U -r")
        self.serve(wrapper=NO_INOTIFY)
        watch = self.watch()
        self.assertEqual(watch["mode"], "polling")
        self.assertIn("inotify is not available: Too many open files", watch["problem"])
        self.proxy.wait_logged("inotify is not available: .*; polling the configuration files every second instead")
        self.proxy.write(web(self.port, [self.one]) + "limits: {header_count: 50}\n")
        self.wait_changed()
        self.assertEqual(self.answers(), 431)
        os.mkdir(os.path.join(self.proxy.directory, "conf.d"))
        self.before = self.proxy.status()["config"]["hash"]
        self.proxy.write("include: [conf.d/*.yaml]\n" + web(self.port, [self.one]))
        self.wait_changed()
        self.before = self.proxy.status()["config"]["hash"]
        with open(os.path.join(self.proxy.directory, "conf.d", "a.yaml"), "w") as f:
            f.write("limits: {header_count: 50}\n")
        self.wait_changed()

    def test_half_a_valid_file_is_not_applied_before_its_writer_closes_it(self):
        self.serve()
        self.assertEqual(self.watch()["mode"], "inotify")
        # The file is a valid configuration after each piece, but only the last piece completes it.
        gate, begun = threading.Event(), threading.Event()
        self.addCleanup(gate.set)

        def write():
            with open(self.proxy.path, "w") as f:
                f.write(self.text(""))
                for i in range(8):
                    f.write(f"# {i}\n")
                    f.flush()
                    begun.set()
                    gate.wait(0.25)  # a slow writer: each pause is longer than the quiet time after a close
                f.write("limits: {header_count: 50}\n")

        writer = threading.Thread(target=write)
        writer.start()
        begun.wait()
        eventually(lambda: self.watch()["waits_for_writer"] or not writer.is_alive(), "it is seen to be written")
        hashes = set()
        while writer.is_alive():
            hashes.add(self.proxy.status()["config"]["hash"])
        writer.join()
        self.assertEqual(hashes, {self.before})
        self.wait_changed()
        eventually(lambda: self.answers() == 431, "the whole of it is in force")
        eventually(self.applied, "it is counted, which follows its being in force")
        self.assertEqual(self.applied(), 1)
        self.assertFalse(self.watch()["waits_for_writer"])

    def test_a_writer_that_never_closes_the_file_is_waited_for_only_so_long(self):
        self.serve()
        with open(self.proxy.path, "a") as f:
            f.write("limits: {header_count: 50}\n")
            f.flush()
            self.wait_changed()  # while the file is still open
            self.assertEqual(self.answers(), 431)
        self.proxy.wait_logged("a program still has one of its files open for writing")

    def test_an_edit_through_mmap_is_seen(self):
        self.serve()
        self.proxy.write(web(self.port, [self.one]) + "limits: {header_count: 90}\n")
        self.before = self.wait_changed()
        with open(self.proxy.path, "r+b") as f, mmap.mmap(f.fileno(), 0) as view:
            at = view.find(b"header_count: 90")
            view[at : at + 16] = b"header_count: 50"
            view.flush()
        self.wait_changed()
        self.assertEqual(self.answers(), 431)

    def test_a_file_that_is_mounted_over_is_seen(self):
        mounts = ("unshare", "-m", "--propagation", "private")
        if not works(*mounts):
            self.skipTest("mount namespaces are not permitted here: unshare -m")
        self.serve(wrapper=mounts)
        other = os.path.join(self.proxy.directory, "other.yaml")
        with open(other, "w") as f:
            f.write(self.text("limits: {header_count: 50}\n"))
        subprocess.run(
            ["nsenter", "-t", str(self.proxy.process.pid), "-m", "mount", "--bind", other, self.proxy.path], check=True
        )
        self.wait_changed()
        self.assertEqual(self.answers(), 431)

    def test_a_swap_as_kubernetes_makes_it_is_seen(self):
        """..data is a link to a directory of a generation; the file is a link through it."""
        self.serve()
        directory = self.proxy.directory
        for name, more in (("..1", ""), ("..2", "limits: {header_count: 50}\n")):
            os.mkdir(os.path.join(directory, name))
            with open(os.path.join(directory, name, "weir.yaml"), "w") as f:
                f.write(self.text(more))
        os.symlink("..1", os.path.join(directory, "..data"))
        os.symlink("..data/weir.yaml", os.path.join(directory, "link"))
        os.rename(os.path.join(directory, "link"), self.proxy.path)
        self.assertEqual(self.proxy.reload()["verdict"], "unchanged")
        for name, status in (("..2", 431), ("..1", 200)):
            os.symlink(name, os.path.join(directory, "..data_tmp"))
            os.rename(os.path.join(directory, "..data_tmp"), os.path.join(directory, "..data"))
            eventually(lambda: self.answers() == status, f"{name} is in force")

    def test_a_retry_does_not_put_half_a_file_in_force(self):
        """The file is refused for a busy port, and is being written while the port becomes free."""
        import socket

        self.serve()
        busy = free_port()
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", busy))
            holder.listen()
            self.proxy.write(web(self.port, [self.one], listeners={"other": busy}))
            eventually(lambda: self.proxy.status()["reload"]["pending"], "it is refused")
            with open(self.proxy.path, "a") as f:
                f.write("limits: {header_count: 50}\n")
                f.flush()
                eventually(lambda: self.watch()["waits_for_writer"], "it is seen to be written")
                holder.close()
                f.write("timeouts: {tunnel: 7s}\n")
        self.wait_changed()
        eventually(self.applied, "it is counted, which follows its being in force")
        config = self.proxy.admin("GET", "/api/v1/config")[1]
        self.assertEqual((self.applied(), "7s" in config), (1, True))


if __name__ == "__main__":
    main()
