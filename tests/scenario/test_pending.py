"""Weir retries until the file on disk is in force, and shows that a file is pending."""
import contextlib
import os
import signal
import socket

from support.redis_server import Redis, lock
from support.scenario import Scenario, eventually, free_port, main, web

MORE = "limits: {header_count: 50}\n"


class PendingScenario(Scenario):
    def reload(self):
        return self.proxy.status()["reload"]

    def pending(self):
        return self.reload()["pending"]

    def wait_in_force(self, file_hash):
        eventually(
            lambda: self.proxy.status()["config"]["hash"] == file_hash and not self.reload()["in_progress"],
            "the file on disk is in force",
            60,
        )
        self.assertIsNone(self.pending())

    def wait_pending(self):
        return eventually(lambda: (self.pending() or {}).get("next_try") and self.pending(), "it is to be tried again")


class LostLease(PendingScenario):
    """A lease that is lost in the canary window does not make the configuration bad."""

    def watched(self, window):
        self.redis, backend, port = Redis(self), self.backend(), free_port()
        config = web(port, [backend]) + lock(self.redis.port, ttl="2s", rollback=f"rollback: {{window: {window}}}, ")
        self.proxy = self.weir(config)
        self.before = self.proxy.status()["config"]["hash"]
        self.proxy.write(config + MORE)
        self.proxy.signal(signal.SIGHUP)
        self.hash = eventually(lambda: self.reload()["window"], "it is watched")["hash"]
        self.assertNotEqual(self.hash, self.before)

    def wait_watched_again(self):
        """Waits until the same configuration has another canary window."""
        eventually(lambda: (self.reload()["window"] or {}).get("hash") == self.hash, "it is tried again")

    def wait_lost(self, how):
        last = eventually(
            lambda: self.reload()["last"]["verdict"] == "rolled_back" and self.reload()["last"], "it is rolled back"
        )
        self.assertEqual(last["cause"], "lock_lost")
        self.assertIn("the lock was lost within the canary window: ", last["errors"][0])
        self.assertRegex(last["errors"][0], how)
        self.assertEqual(self.reload()["denylist"], [])
        self.proxy.wait_logged("the previous configuration is in force again")
        self.assertNotIn("known to be bad", self.proxy.log())
        self.assertNotIn("on the denylist", self.proxy.log())

    def test_a_redis_outage_longer_than_the_lease_only_delays_a_good_change(self):
        self.watched("10m")
        self.redis.kill()
        self.wait_lost("could not be renewed: ")
        self.assertEqual(self.proxy.status()["config"]["hash"], self.before)
        self.assertEqual(self.wait_pending()["hash"], self.hash)
        self.redis.start()
        self.wait_watched_again()

    def test_a_process_that_was_suspended_past_its_lease_tries_again(self):
        self.watched("5s")
        self.proxy.signal(signal.SIGSTOP)
        eventually(lambda: self.redis.call("EXISTS", "weir:{test}:lock") == "0", "the lease has expired")
        self.proxy.signal(signal.SIGCONT)
        self.wait_lost("suspended or delayed|expired before it was renewed, or")
        self.wait_in_force(self.hash)

    def test_a_lock_that_an_operator_breaks_only_delays_a_good_change(self):
        self.watched("10m")
        code, out, err = self.proxy.command(
            "fleet", "break-lock", "--yes", "--reason", "a test", "--admin", f"127.0.0.1:{self.proxy.admin_port}"
        )
        self.assertEqual(code, 0, out + err)
        self.wait_lost("broken or taken over")
        self.wait_watched_again()


class Retries(PendingScenario):
    def without_redis(self, watch):
        self.redis, self.backend_, self.port = Redis(self), self.backend(), free_port()
        self.config = web(self.port, [self.backend_]) + lock(self.redis.port, watch=watch, wait="300ms")
        self.proxy = self.weir(self.config)
        self.redis.kill()
        self.proxy.write(self.config + MORE)

    def test_a_reload_by_hup_is_retried_until_it_is_in_force(self):
        self.without_redis("false")
        self.proxy.signal(signal.SIGHUP)
        pending = self.wait_pending()
        self.assertEqual((pending["trigger"], pending["attempts"] > 0), ("signal", True))
        self.assertIn("lock", pending["reason"])
        self.redis.start()
        self.wait_in_force(pending["hash"])

    def test_a_manual_reload_that_fails_does_not_end_the_retries(self):
        self.without_redis("true")
        pending = self.wait_pending()
        self.assertEqual(self.proxy.reload()["verdict"], "refused")
        again = self.wait_pending()
        self.assertEqual((again["hash"], again["since"]), (pending["hash"], pending["since"]))
        self.proxy.signal(signal.SIGHUP)
        eventually(lambda: self.wait_pending()["attempts"] > again["attempts"], "that was tried as well")
        self.redis.start()
        self.wait_in_force(pending["hash"])

    def test_without_a_watch_an_edit_after_the_refusal_waits_for_an_operator(self):
        self.without_redis("false")
        self.proxy.signal(signal.SIGHUP)
        pending, before = self.wait_pending(), self.proxy.status()["config"]["hash"]
        self.proxy.write(self.config + "limits: {header_count: 60}\n")
        self.redis.start()
        pending = eventually(lambda: self.pending()["hash"] != pending["hash"] and self.pending(), "the edit is seen")
        self.assertIn("reload.watch is off", pending["reason"])
        self.assertIsNone(pending["next_try"])
        self.assertEqual(self.proxy.status()["config"]["hash"], before)
        self.assertEqual(self.proxy.reload()["verdict"], "applied")
        self.assertIsNone(self.pending())

    def test_a_port_that_becomes_free_lets_the_change_in(self):
        port, backend, busy = free_port(), self.backend(), free_port()
        self.proxy = self.weir(web(port, [backend]), watch=True)
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", busy))
            holder.listen()
            self.proxy.write(web(port, [backend], listeners={"other": busy}))
            pending = self.wait_pending()
            self.assertIn("cannot bind", pending["reason"])
        self.wait_in_force(pending["hash"])

    def test_an_invalid_file_is_pending_and_not_retried(self):
        port, backend = free_port(), self.backend()
        self.proxy = self.weir(web(port, [backend]), watch=True)
        self.proxy.write(web(port, [backend]) + "limits: {nonsense: 1}\n")
        pending = eventually(self.pending, "it is pending")
        self.assertIn("nonsense", pending["reason"])
        self.assertIsNone(pending["next_try"])
        self.proxy.write(web(port, [backend]))
        eventually(lambda: self.pending() is None, "the file is what is in force again")

    def test_an_unreadable_include_is_reported_until_it_can_be_read(self):
        port, backend = free_port(), self.backend()
        self.proxy = self.weir("include: [conf.d/*.yaml]\n" + web(port, [backend]), watch=True)
        os.mkdir(os.path.join(self.proxy.directory, "conf.d"))
        path = os.path.join(self.proxy.directory, "conf.d", "more.yaml")
        os.symlink("missing", path)  # a dangling link: the pattern finds it, and it cannot be read, not even by root
        pending = eventually(self.pending, "it is pending")
        self.assertIn("conf.d/more.yaml", pending["reason"])
        self.assertIn("cannot be read", pending["reason"])
        self.assertIsNotNone(self.wait_pending()["next_try"])
        with open(os.path.join(self.proxy.directory, "conf.d", "missing"), "w") as f:
            f.write(MORE)
        eventually(lambda: self.pending() is None, "it can be read")
        with contextlib.closing(self.client(port)) as client:
            self.assertEqual(client.get("/", extra="A: b\r\n" * 60)["status"], 431)


if __name__ == "__main__":
    main()
