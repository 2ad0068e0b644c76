"""Two weirs with one lock apply one change at a time. Uses real Redis servers on private ports."""
import os
import signal

from support.redis_server import Redis, lock, took_turns, waits_for_lock
from support.scenario import Scenario, eventually, free_port, main, web


class Together(Scenario):
    def test_twenty_edits_on_two_machines_are_applied_one_at_a_time(self):
        redis, backend = Redis(self), self.backend()
        events = redis.watch(self)
        weirs = []
        for _ in range(2):
            port = free_port()
            weirs.append((self.weir(web(port, [backend]) + lock(redis.port, watch="true")), port))
        seen = []
        for i in range(20):
            for weir, port in weirs:
                weir.write(
                    web(port, [backend]) + lock(redis.port, watch="true") + f"limits: {{header_count: {101 + i}}}\n"
                )
            for weir, _ in weirs:
                eventually(
                    lambda w=weir: w.metrics()['weir_reloads_total{verdict="applied"}'] == i + 1, f"edit {i} is applied"
                )
            fences = sorted(weir.status()["config"]["fence"] for weir, _ in weirs)
            # Each took the lock once: two different fences, both higher than all before.
            self.assertEqual(len(set(fences)), 2)
            self.assertGreater(fences[0], seen[-1] if seen else 0)
            seen += fences
        self.assertEqual(seen, sorted(set(seen)))
        self.assertEqual(len(seen), 40)
        took_turns(self, redis, events, least=40)
        self.assertEqual(int(redis.call("GET", "weir:{test}:fence")), len(events()) // 2)

    def test_a_watched_change_that_could_not_get_the_lock_is_retried(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        proxy = self.weir(web(port, [backend]) + lock(redis.port, watch="true", wait="300ms"))
        redis.call("SET", "weir:{test}:lock", "someone", "PX", "600000")
        proxy.write(
            web(port, [backend]) + lock(redis.port, watch="true", wait="300ms") + "limits: {header_count: 50}\n"
        )
        eventually(lambda: proxy.metrics()['weir_reloads_total{verdict="refused"}'] >= 1, "it is refused for now")
        proxy.wait_logged("held by another machine")
        redis.call("DEL", "weir:{test}:lock")
        eventually(lambda: proxy.metrics()['weir_reloads_total{verdict="applied"}'] == 1, "it is tried again by itself")
        self.assertEqual(proxy.status()["reload"]["last"]["trigger"], "watch")

    def test_a_reload_waits_while_another_holds_the_lock(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        redis.call("SET", "weir:{test}:lock", "someone", "PX", "60000")
        proxy = self.weir(web(port, [backend]) + lock(redis.port))
        proxy.write(web(port, [backend]) + lock(redis.port) + "limits: {header_count: 50}\n")
        proxy.signal(signal.SIGHUP)
        eventually(lambda: proxy.status()["reload"]["in_progress"], "the reload is waiting")
        self.assertEqual(self.client(port).get("/")["status"], 200)
        self.assertEqual(proxy.status()["config"]["generation"], 1)
        redis.call("DEL", "weir:{test}:lock")
        eventually(lambda: proxy.status()["config"]["generation"] == 2, "it goes on")

    def test_a_lock_that_is_never_free_refuses_the_reload(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        redis.call("SET", "weir:{test}:lock", "someone")
        config = web(port, [backend]) + lock(redis.port, wait="1s")
        proxy = self.weir(config)
        self.assertEqual(
            proxy.reload(config + "limits: {header_count: 50}\n")["errors"],
            ["cannot acquire the lock: timed out: it is still held by another machine or process (reload.lock.wait)"],
        )
        self.assertEqual(redis.call("GET", "weir:{test}:lock"), "someone")  # weir leaves the lock alone

    def test_a_restored_redis_cannot_make_the_fence_go_back(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        redis.call("SET", "weir:{test}:fence", "41")
        config = web(port, [backend]) + lock(redis.port)
        proxy = self.weir(config)
        self.assertEqual(proxy.reload(config + "limits: {header_count: 50}\n")["fence"], 42)
        redis.call("FLUSHALL")
        self.assertEqual(proxy.reload(config + "limits: {header_count: 51}\n")["fence"], 43)
        self.assertEqual(redis.call("GET", "weir:{test}:fence"), "43")

    def test_a_password_is_used_and_never_shown(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        redis.call("CONFIG", "SET", "requirepass", "hunter2hunter2")
        right = lock({"url": redis.url, "password": "${REDIS_PASSWORD}"})
        proxy = self.weir(web(port, [backend]) + right, environment={"REDIS_PASSWORD": "hunter2hunter2"})
        self.assertEqual(
            proxy.reload(web(port, [backend]) + right + "limits: {header_count: 50}\n")["verdict"], "applied"
        )
        wrong = lock({"url": redis.url, "password": "hunter3hunter3"}, wait="1s")
        proxy.reload(web(port, [backend]) + wrong)
        report = proxy.reload(web(port, [backend]) + wrong + "limits: {header_count: 51}\n")
        self.assertIn("AUTH refused", report["errors"][0])
        self.assertNotIn(
            "hunter", str(report) + proxy.log() + str(proxy.status()) + proxy.admin("GET", "/api/v1/config")[1]
        )


class Window(Scenario):
    def test_losing_the_lock_in_the_canary_window_rolls_the_change_back(self):
        redis, backend, port = Redis(self), self.backend(), free_port()
        config = web(port, [backend]) + lock(redis.port, rollback="rollback: {window: 1m}, ")
        proxy = self.weir(config)
        before = proxy.status()["config"]["hash"]
        proxy.write(config + "limits: {header_count: 50}\n")
        proxy.signal(signal.SIGHUP)
        eventually(lambda: "watched_for_ms" in proxy.status()["reload"], "it is watched")
        self.assertNotEqual(proxy.status()["config"]["hash"], before)
        redis.call("SET", "weir:{test}:lock", "someone else", "PX", "60000")
        eventually(lambda: not proxy.status()["reload"]["in_progress"], "it is over")
        last = proxy.status()["reload"]["last"]
        self.assertEqual((last["verdict"], last["cause"]), ("rolled_back", "lock_lost"))
        self.assertIn("the lock was lost within the canary window: the lease ", last["errors"][0])  # the reason follows
        self.assertEqual(proxy.status()["config"]["hash"], before)
        self.assertEqual(proxy.status()["reload"]["denylist"], [])  # a lost lock says nothing about the file
        self.assertEqual(redis.call("GET", "weir:{test}:lock"), "someone else")


class Stopping(Scenario):
    def test_a_stop_ends_the_waiting_for_a_lock_and_takes_none(self):
        proxy, redis, _ = waits_for_lock(self)
        self.assertEqual(proxy.stop(), 0)
        proxy.wait_logged("weir is stopping")
        self.assertNotIn("unreachable", proxy.log())
        self.assertEqual(redis.call("GET", "weir:{test}:fence"), "")


class WithoutRedis(Scenario):
    def proxy(self, more, port, backend, redis_port):
        self.config = web(port, [backend]) + lock(redis_port, more, wait="500ms")
        return self.weir(self.config)

    def test_without_redis_traffic_continues_and_the_reload_is_refused(self):
        port, backend = free_port(), self.backend()
        proxy = self.proxy("", port, backend, free_port())
        report = proxy.reload(self.config + "limits: {header_count: 50}\n")
        self.assertEqual(report["verdict"], "refused")
        self.assertIn("cannot acquire the lock: unavailable: redis://127.0.0.1:", report["errors"][0])
        self.assertEqual(self.client(port).get("/")["status"], 200)
        self.assertEqual(proxy.metrics()["weir_lock_failures_total"], 1)

    def test_without_redis_the_reload_proceeds_if_configured(self):
        port, backend = free_port(), self.backend()
        proxy = self.proxy(", on_unavailable: proceed", port, backend, free_port())
        self.assertEqual(proxy.reload(self.config + "limits: {header_count: 50}\n")["verdict"], "applied")
        proxy.wait_logged("reloading without it")
        self.assertEqual(proxy.status()["config"]["generation"], 2)

    def test_a_hanging_redis_delays_no_client(self):
        redis, port, backend = Redis(self), free_port(), self.backend()
        proxy = self.proxy("", port, backend, redis.port)
        redis.process.send_signal(signal.SIGSTOP)
        proxy.write(self.config + "limits: {header_count: 50}\n")
        proxy.signal(signal.SIGHUP)
        eventually(lambda: proxy.status()["reload"]["in_progress"], "the reload is waiting")
        self.assertEqual(self.client(port).get("/")["status"], 200)  # the admin API has answered, too
        eventually(lambda: proxy.metrics()['weir_reloads_total{verdict="refused"}'] == 1, "it is refused")
        redis.process.send_signal(signal.SIGCONT)
        report = proxy.reload()
        self.assertEqual(report["verdict"], "applied", report)

    def test_a_server_that_is_not_redis_is_reported_as_such(self):
        web_server = self.backend(lambda c, r: None)
        port, backend = free_port(), self.backend()
        proxy = self.proxy("", port, backend, web_server.port)
        self.assertEqual(proxy.reload(self.config + "limits: {header_count: 50}\n")["verdict"], "refused")


class Local(Scenario):
    def test_two_weirs_with_one_state_directory_take_turns(self):
        backend, state = self.backend(), os.path.join(self.folder(), "shared")
        weirs = [
            (self.weir(web(port, [backend]), state_dir=state, watch=True), port) for port in (free_port(), free_port())
        ]
        fences = []
        for i in range(5):
            for weir, port in weirs:
                weir.write(web(port, [backend]) + f"limits: {{header_count: {101 + i}}}\n")
            for weir, _ in weirs:
                eventually(
                    lambda w=weir: w.metrics()['weir_reloads_total{verdict="applied"}'] == i + 1, "it is applied"
                )
            fences += sorted(weir.status()["config"]["fence"] for weir, _ in weirs)
        self.assertEqual(fences, list(range(1, 11)))


if __name__ == "__main__":
    main()
