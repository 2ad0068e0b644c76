#!/usr/bin/env python3
"""check_tree.py fails for everything that it forbids.
usage: test_check_tree.py SOURCE_DIR"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv.pop())
CHECK = SOURCE / "tests/support/check_tree.py"
HEADER = "// A type.\n//\n// Thread: any.\n// Lifetime: a value.\n#pragma once\n"


class Misplaced(unittest.TestCase):
    def setUp(self):
        self.tree = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("base", "tls", "net", "conf", "lock", "balancer", "health", "proxy", "tests/unit", "tests/work"):
            shutil.copytree(SOURCE / name, self.tree / name)
        for name in ("CONTRIBUTING.md", "tests/CMakeLists.txt"):
            shutil.copy(SOURCE / name, self.tree / name)

    def check(self):
        done = subprocess.run([sys.executable, "-B", CHECK, self.tree], capture_output=True, text=True)
        return done.returncode, done.stdout

    def put(self, name, text):
        (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / name).write_text(text)

    def assert_found(self, *words):
        code, out = self.check()
        self.assertEqual(code, 1, out)
        self.assertTrue(any(all(word in line for word in words) for line in out.splitlines()), out)

    def test_the_tree_as_it_is_passes(self):
        self.assertEqual(self.check(), (0, "the tree is as it should be\n"))

    def test_a_file_outside_of_every_room_is_found(self):
        self.put("proxy/loose.h", HEADER)
        self.assert_found("proxy/loose.h", "is in no room")

    def test_a_folder_that_is_not_a_room_is_found(self):
        self.put("proxy/misc/thing.h", HEADER)
        self.assert_found("proxy/misc/thing.h", "is in no room")

    def test_an_include_against_the_order_of_the_rooms_is_found(self):
        self.put("proxy/io/thing.h", HEADER + '#include "proxy/http/session.h"\n')
        self.assert_found("proxy/io/thing.h", "includes proxy/http/session.h")

    def test_a_source_that_cmake_does_not_list_is_found(self):
        self.put("lock/redis/thing.cpp", "")
        self.assert_found("lock/redis/thing.cpp", "is not listed")

    def test_a_unit_test_that_mirrors_no_room_is_found(self):
        self.put("tests/unit/proxy/thing_test.cpp", "")
        self.assert_found("tests/unit/proxy/thing_test.cpp", "mirrors no room")

    def test_a_source_whose_work_is_not_counted_is_found(self):
        self.put("proxy/http1/thing.cpp", "")
        self.assert_found("proxy/http1/thing.cpp", "its work is not counted")

    def test_a_test_of_work_that_cmake_does_not_list_is_found(self):
        self.put("tests/work/thing_test.cpp", "")
        self.assert_found("tests/work/thing_test.cpp", "is not listed in tests/CMakeLists.txt")

    def test_protocol_code_that_moves_bytes_is_found(self):
        self.put("proxy/http1/thing.h", HEADER + '#include "proxy/io/socket.h"\n')
        self.assert_found("proxy/http1/thing.h", "protocol code moves no bytes")

    def test_an_encoder_that_moves_bytes_is_found(self):
        self.put("proxy/compress/thing.h", HEADER + '#include "proxy/io/socket.h"\n')
        self.assert_found("proxy/compress/thing.h", "encoders move no bytes")

    def test_a_room_without_a_row_in_contributing_is_found(self):
        text = (self.tree / "CONTRIBUTING.md").read_text()
        self.put("CONTRIBUTING.md", text.replace("| `proxy/tcp/` |", "| proxy/tcp |"))
        self.assert_found("proxy/tcp", "has no row")

    def test_a_header_that_does_not_name_its_thread_is_found(self):
        self.put("conf/base/thing.h", "#pragma once\n")
        self.assert_found("conf/base/thing.h", "Thread and Lifetime")

    def test_a_name_of_a_test_that_is_too_long_is_found(self):
        long = "a_name_that_tells_the_whole_story_" * 3
        self.put("tests/scenario/test_thing.py", f"class Thing:\n    def test_{long}(self):\n        pass\n")
        self.assert_found("tests/scenario/test_thing.py", "over 70 characters", long)
        self.put("tests/work/thing_test.cpp", f'TEST_CASE("{long[:40]}"\n          "{long[40:]}") {{}}\n')
        self.assert_found("tests/work/thing_test.cpp", "over 70 characters", long)

    def test_a_library_between_the_scenarios_is_found(self):
        self.put("tests/scenario/thing.py", "")
        self.assert_found("tests/scenario/thing.py", "is no test")
        self.put("tests/scenario/support/thing_test.py", "")
        self.assert_found("tests/scenario/support/thing_test.py", "is named like a test")


if __name__ == "__main__":
    unittest.main()
