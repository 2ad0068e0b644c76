"""CI notices a test that skips itself: with WEIR_REQUIRE_ALL, which .ci/run sets, it fails with its reason."""
import os
import subprocess
import sys
import tempfile
import unittest

from support.scenario import REQUIRE_ALL, SOURCE, main, read_file

SCENARIOS = os.path.dirname(os.path.abspath(__file__))
SKIPS = """
import unittest
from support.scenario import main

class Case(unittest.TestCase):
    def test_that_runs(self):
        pass

class InTheTest(Case):
    def test(self):
        self.skipTest("no tool")

@unittest.skip("no rights")
class ByClass(Case):
    pass

class WhenSetUp(Case):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("no root")

class InPart(Case):
    def test(self):
        with self.subTest("part"):
            self.skipTest("no part")

main()
"""


class Skipping(unittest.TestCase):
    def run_skips(self, **environment):
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(SKIPS)
            file.flush()
            own = {name: value for name, value in os.environ.items() if name != REQUIRE_ALL}
            own.update(environment, PYTHONPATH=SCENARIOS)
            return subprocess.run([sys.executable, "-B", file.name], capture_output=True, text=True, env=own)

    def test_what_is_skipped_passes_elsewhere_and_fails_in_ci_with_the_reason(self):
        done = self.run_skips()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("OK (skipped=", done.stderr)
        done = self.run_skips(**{REQUIRE_ALL: "1"})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertNotIn("skipped=", done.stderr)
        for reason in ("no tool", "no rights", "no root", "no part"):
            self.assertIn(f"skipped, which {REQUIRE_ALL} does not allow: {reason}", done.stderr)
        self.assertIn("test_that_runs (__main__.InTheTest.test_that_runs) ... ok", done.stderr)

    def test_ci_asks_for_it_and_every_scenario_obeys(self):
        self.assertIn(f"export {REQUIRE_ALL}=1\n", read_file(os.path.join(SOURCE, ".ci/run")))
        for name in sorted(os.listdir(SCENARIOS)):
            if name.startswith("test_"):
                text = read_file(os.path.join(SCENARIOS, name))
                self.assertRegex(
                    text,
                    r"(?s)from support\.scenario import [^\n]*\bmain\b|from support\.scenario import \([^)]*\bmain\b",
                    name,
                )
                self.assertRegex(text, r"(?m)^    main\(\)$", name)
                self.assertNotIn("unittest.main", text.replace('assertNotIn("unittest.main"', ""), name)


if __name__ == "__main__":
    main()
