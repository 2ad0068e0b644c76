#!/usr/bin/env python3
"""./dev lint --changed reads the rooms that differ from the right commit.
usage: test_lint.py"""
import os
import pathlib
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


if __name__ == "__main__":
    unittest.main()
