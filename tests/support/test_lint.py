#!/usr/bin/env python3
"""./dev lint --changed reads the rooms that differ from the right commit.
usage: test_lint.py"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import lint

IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com"}
IDENTITY.update({name.replace("AUTHOR", "COMMITTER"): value for name, value in IDENTITY.items()})


class Changed(unittest.TestCase):
    """A repository whose default branch has two commits: `first` has two rooms, `second` changes one of them."""

    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "tree"
        self.root.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.first = self.commit("conf/base/hash.cpp", "lock/lease/error.cpp", "README.md")
        self.second = self.commit("lock/lease/error.cpp")

    def git(self, *words):
        done = subprocess.run(
            ["git", *words],
            cwd=self.root,
            env={**os.environ, **IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def write(self, name):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.read_text() + "\n" if path.exists() else "\n")

    def commit(self, *names):
        for name in names:
            self.write(name)
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", "a change")
        return self.git("rev-parse", "HEAD")

    def rooms(self, base=None):
        changed = lint.changed_files(self.root, base or lint.find_base(self.root))
        return lint.choose(lint.all_rooms(self.root), changed)

    def test_the_default_branch_is_compared_with_the_commit_before(self):
        self.assertEqual(lint.find_base(self.root), self.first)
        self.assertEqual(self.rooms(), ["lock/lease"])

    def test_a_branch_is_compared_with_where_it_left_the_default_branch(self):
        self.git("checkout", "--quiet", "-b", "work")
        self.commit("conf/base/hash.cpp")
        self.commit("conf/base/hash.h")
        self.assertEqual(lint.find_base(self.root), self.second)
        self.assertEqual(self.rooms(), ["conf/base"])

    def test_what_is_not_committed_counts_too(self):
        self.write("conf/base/fresh.cpp")
        self.assertEqual(self.rooms(), ["conf/base", "lock/lease"])

    def test_a_named_base_is_taken(self):
        self.assertEqual(self.rooms(self.second), [])

    def test_a_base_that_is_not_there_is_an_error(self):
        with self.assertRaises(SystemExit):
            self.rooms("no-such-commit")

    def test_the_only_commit_of_a_shallow_clone_is_looked_at(self):
        shallow = self.root.parent / "shallow"
        subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{self.root}", shallow], check=True)
        self.root = shallow
        self.assertIsNone(lint.find_base(self.root))
        self.assertEqual(self.rooms(), ["conf/base", "lock/lease"])

    def test_the_room_with_most_changes_comes_first(self):
        self.write("conf/base/hash.h")
        self.write("conf/base/hash.cpp")
        self.assertEqual(self.rooms(), ["conf/base", "lock/lease"])
        self.write("lock/lease/a.h")
        self.write("lock/lease/b.h")
        self.assertEqual(self.rooms(), ["lock/lease", "conf/base"])


class Findings(unittest.TestCase):
    def test_what_is_found_in_the_headers_of_libraries_is_left_out(self):
        root = pathlib.Path("/tree")
        own = "/tree/base/a.cpp:3:1: error: this leaks [check]\n    3 | x\n/tree/base/b.h:1:1: note: from here\n"
        other = (
            "/usr/include/boost/x.hpp:9:1: error: an undefined pointer [check]\n/tree/base/a.cpp:4:1: note: calling\n"
        )
        self.assertEqual(lint.own_findings(root, other + own + other + "26597 warnings generated.\n"), own)
        self.assertEqual(lint.own_findings(root, other), "")


class Rooms(unittest.TestCase):
    def findings(self, text):
        """Returns what lint prints about a room with one source of this text."""
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory).resolve()
            (root / "base").mkdir()
            (root / "base/a.cpp").write_text(text)
            (root / ".clang-tidy").write_text("Checks: '-*,bugprone-*'\nHeaderFilterRegex: 'base/'\n")
            return lint.lint_room(root, root / "build", "base", ["base/a.cpp"], {"base/a.cpp": ["-std=c++20"]})

    def setUp(self):
        if not shutil.which(lint.TIDY[0]):
            (self.fail if os.environ.get("WEIR_REQUIRE_ALL") else self.skipTest)(f"{lint.TIDY[0]} is missing")

    def test_a_room_with_a_bug_has_findings_and_one_without_is_clean(self):
        self.assertEqual(self.findings("int twice(int a) { return a + a; }\n"), "")
        self.assertIn("sizeof", self.findings("int size(int a) { return int(sizeof(sizeof(a))); }\n"))

    def test_an_error_in_the_header_of_a_library_is_a_finding(self):
        text = "#include <memory>\nstruct A;\nvoid free(std::unique_ptr<A> a) { a.reset(); }\n"
        self.assertIn("incomplete type", self.findings(text))

    def test_a_source_that_cannot_be_read_has_findings(self):
        self.assertIn("no_such_type", self.findings("no_such_type a;\n"))


if __name__ == "__main__":
    unittest.main()
