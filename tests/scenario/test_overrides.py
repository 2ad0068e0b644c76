"""Run-time overrides belong to a backend: they follow a renamed backend and end with it."""
import json

from support.scenario import Scenario, eventually, free_port, main


class Overrides(Scenario):
    def serve(self, rollback="", **kwargs):
        self.port, self.rollback = free_port(), rollback
        self.one, self.two, self.three = (self.backend(name=name) for name in ("one", "two", "three"))
        self.proxy = self.weir(self.config(b1=self.one, b2=self.two), **kwargs)

    def config(self, pool="web", **backends):
        listed = ", ".join(f'{{name: {name}, address: "{backend.address}"}}' for name, backend in backends.items())
        return f"""listeners: {{web: {{address: "127.0.0.1:{self.port}", pool: {pool}}}}}
pools: {{{pool}: {{backends: [{listed}]}}}}
reload: {{watch: false{self.rollback}}}
"""

    def change(self, *words):
        code, out, err = self.proxy.command(*words, "-c", self.proxy.path)
        return code, out + err

    def overrides(self):
        return [
            (o["pool"], o["backend"], o["address"], o.get("state"), o.get("weight"), o["in_force"])
            for o in self.proxy.status()["overrides"]
        ]

    def applied(self, config):
        report = self.proxy.reload(config)
        self.assertEqual(report["verdict"], "applied", report["errors"])

    def plan(self, config):
        self.proxy.write(config)
        return self.change("plan")[1]

    def test_an_override_ends_with_its_backend_and_spares_a_later_namesake(self):
        self.serve()
        self.assertEqual(self.change("drain", "web/b2")[0], 0)
        self.assertEqual(self.overrides(), [("web", "b2", self.two.address, "drain", None, True)])
        gone = self.config(b1=self.one)
        self.assertIn(f"override web/b2 (drain) ends: the backend {self.two.address} is removed", self.plan(gone))
        self.applied(gone)
        self.assertEqual(self.overrides(), [])
        self.proxy.wait_logged(r"override web/b2 \(drain\) ends")
        self.applied(self.config(b1=self.one, b2=self.three))
        self.assertNotIn("drain", self.proxy.states())
        self.assertNotIn("override", self.proxy.backends()["b2"])

    def test_another_address_under_the_same_name_is_another_backend(self):
        self.serve()
        self.change("drain", "web/b2")
        self.applied(self.config(b1=self.one, b2=self.three))
        self.assertEqual((self.overrides(), "drain" in self.proxy.states()), ([], False))

    def test_an_override_follows_its_backend_to_another_name(self):
        self.serve()
        self.change("drain", "web/b2")
        self.change("weight", "web/b2", "7")
        renamed = self.config(b1=self.one, b9=self.two)
        self.assertIn("override web/b2 (drain, weight 7) moves to web/b9: the backend is renamed", self.plan(renamed))
        self.applied(renamed)
        self.assertEqual(self.overrides(), [("web", "b9", self.two.address, "drain", 7, True)])
        self.assertEqual((self.proxy.backends()["b9"]["state"], self.proxy.backends()["b9"]["weight"]), ("drain", 7))
        self.assertEqual(self.change("clear", "web/b9")[0], 0)
        self.assertEqual(self.overrides(), [])

    def test_an_override_follows_its_backend_when_the_pool_is_renamed(self):
        self.serve()
        self.change("maint", "web/b2")
        renamed = self.config(pool="site", b1=self.one, b2=self.two)
        self.assertIn("override web/b2 (maint) moves to site/b2: the pool is renamed", self.plan(renamed))
        self.applied(renamed)
        self.assertEqual(self.overrides(), [("site", "b2", self.two.address, "maint", None, True)])
        self.assertEqual(self.proxy.backends("site")["b2"]["state"], "maint")

    def test_names_that_are_swapped_take_their_overrides_along(self):
        self.serve()
        self.change("drain", "web/b2")
        self.applied(self.config(b2=self.one, b1=self.two))
        self.assertEqual(
            {name: b["state"] == "drain" for name, b in self.proxy.backends().items()}, {"b1": True, "b2": False}
        )

    def test_a_change_that_is_rolled_back_brings_the_override_back(self):
        self.serve(rollback=", rollback: {window: 10m}")
        self.change("drain", "web/b2")
        for config in (self.config(b1=self.one), self.config(b1=self.one, b9=self.two)):
            before = self.proxy.status()["config"]["hash"]
            self.proxy.write(config)
            self.proxy.admin("POST", "/api/v1/reload")
            eventually(lambda: self.proxy.status()["config"]["hash"] != before, "it is watched")
            self.assertEqual(self.proxy.admin("POST", "/api/v1/reload/abort")[0], 200)
            self.assertEqual(self.overrides(), [("web", "b2", self.two.address, "drain", None, True)])
            self.assertEqual(self.proxy.backends()["b2"]["state"], "drain")

    def test_an_override_without_effect_in_the_window_is_shown_and_clearable(self):
        self.serve(rollback=", rollback: {window: 10m}")
        self.change("drain", "web/b2")
        before = self.proxy.status()["config"]["hash"]
        self.proxy.write(self.config(b1=self.one))
        self.proxy.admin("POST", "/api/v1/reload")
        eventually(lambda: self.proxy.status()["config"]["hash"] != before, "it is watched")
        self.assertEqual(self.overrides(), [("web", "b2", self.two.address, "drain", None, False)])
        self.assertEqual(self.proxy.admin("POST", "/api/v1/backends/web/b2?state=file&weight=file")[0], 200)
        self.assertEqual(self.overrides(), [])
        self.assertEqual(self.proxy.admin("POST", "/api/v1/backends/web/b2?state=drain")[0], 404)

    def test_plan_shows_what_stays_in_text_and_json(self):
        self.serve()
        self.change("drain", "web/b2")
        self.assertIn("override web/b2 (drain) is kept", self.plan(self.config(b1=self.three, b2=self.two)))
        shown = json.loads(self.change("plan", "--json")[1])["overrides"]
        self.assertEqual([(o["pool"], o["backend"], o["fate"], o["to"]) for o in shown], [("web", "b2", "stays", "")])


if __name__ == "__main__":
    main()
