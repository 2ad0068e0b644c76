"""Metrics of traffic paths, response times of backends and the process, parsed as Prometheus parses them."""
import os
import re
import time

from support.scenario import Scenario, eventually, free_port, main


class Metrics(Scenario):
    def config(self, more=""):
        return f"""listeners: {{web: {{address: "127.0.0.1:{self.port}", pool: web}}}}
routes:
  - {{name: api, match: {{path_prefix: /api/}}, pool: api}}
{more}pools:
  web: {{backends: ["{self.web.address}"]}}
  api: {{backends: ["{self.api.address}"]}}
"""

    def setUp(self):
        self.port, self.web, self.api = free_port(), self.backend(name="w"), self.backend(name="a")
        self.proxy = self.weir(self.config())

    def requests(self, pool, route):
        return self.proxy.metrics().get(
            f'weir_requests_total{{listener="web",pool="{pool}",route="{route}",code="200"}}', 0
        )

    def test_requests_are_counted_by_listener_pool_and_route_across_reloads(self):
        client = self.client(self.port)
        for target, count in (("/api/x", 3), ("/y", 2)):
            for _ in range(count):
                client.get(target)
        eventually(lambda: self.requests("api", "api") == 3 and self.requests("web", "") == 2, "both paths are counted")
        self.proxy.reload(self.config(more="  - {name: other, match: {path_prefix: /other/}, pool: api}\n"))
        client.get("/api/x")
        client.get("/other/x")
        eventually(lambda: self.requests("api", "api") == 4 and self.requests("api", "other") == 1, "they go on")
        self.assertEqual(self.requests("web", ""), 2)

    def test_response_times_of_backends_are_a_histogram_for_each_pool(self):
        slow = 0.3

        def script(connection, request):
            time.sleep(slow)  # the backend's own time, which is what is measured
            self.api.echo(connection, request)

        self.api.script = script
        client = self.client(self.port)
        client.get("/api/x")
        client.get("/")
        count = 'weir_backend_response_seconds_count{{pool="{}"}}'
        eventually(
            lambda: all(self.proxy.metrics().get(count.format(pool)) == 1 for pool in ("api", "web")),
            "both are counted",
        )
        metrics = self.proxy.metrics()
        self.assertGreaterEqual(metrics['weir_backend_response_seconds_sum{pool="api"}'], slow)
        self.assertEqual(metrics['weir_backend_response_seconds_bucket{pool="api",le="0.25"}'], 0)
        self.assertEqual(metrics['weir_backend_response_seconds_bucket{pool="api",le="+Inf"}'], 1)

    def test_the_process_is_measured_under_the_usual_names(self):
        with open("/proc/stat") as f:
            boot = int(re.search(r"btime (\d+)", f.read())[1])
        metrics = self.proxy.metrics()
        self.assertGreater(metrics["process_resident_memory_bytes"], 1 << 20)
        self.assertGreater(metrics["process_virtual_memory_bytes"], metrics["process_resident_memory_bytes"])
        self.assertAlmostEqual(metrics["process_open_fds"], self.proxy.descriptors(), delta=3)
        with open(f"/proc/{self.proxy.process.pid}/limits") as f:
            self.assertEqual(metrics["process_max_fds"], int(re.search(r"Max open files +(\d+)", f.read())[1]))
        with open(f"/proc/{self.proxy.process.pid}/stat") as f:
            ticks = int(f.read().rsplit(")", 1)[1].split()[19])
        self.assertAlmostEqual(
            metrics["process_start_time_seconds"], boot + ticks / os.sysconf("SC_CLK_TCK"), delta=0.01
        )
        before = metrics["process_cpu_seconds_total"]
        client = self.client(self.port)
        eventually(
            lambda: client.get("/") and self.proxy.metrics()["process_cpu_seconds_total"] > before, "it uses time"
        )

    def test_times_are_logged_to_the_millisecond(self):
        begin = time.time()
        self.proxy.reload(self.config(more="  - {name: other, match: {path_prefix: /other/}, pool: api}\n"))
        end = time.time()
        text = self.proxy.admin("GET", "/metrics")[1]
        value = float(re.search(r"^weir_reload_last_time_seconds (\S+)$", text, re.M)[1])
        self.assertGreaterEqual(value, begin - 0.001)
        self.assertLessEqual(value, end)

    def test_every_family_has_its_help_and_its_type_once(self):
        text = self.proxy.admin("GET", "/metrics")[1]
        for kind in ("HELP", "TYPE"):
            names = re.findall(rf"^# {kind} (\w+)", text, re.M)
            self.assertEqual(len(names), len(set(names)))
        known = set(re.findall(r"^# TYPE (\w+)", text, re.M))
        for name in re.findall(r"^(\w+)[{ ]", text, re.M):
            self.assertTrue(name in known or re.sub(r"_(bucket|sum|count)$", "", name) in known, name)


if __name__ == "__main__":
    main()
