// A temporary directory for tests that read and write files.
//
// Thread: any one thread at a time.
// Lifetime: the directory is removed with the object, and so are the files in it.
#pragma once

#include "tests/catch.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace weir::tests {

class TempDirectory {
public:
    TempDirectory() {
        auto name = (std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~TempDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    TempDirectory(const TempDirectory&) = delete;
    TempDirectory& operator=(const TempDirectory&) = delete;

    // Replaces the content of a file, whose name is relative to the directory. Returns its path.
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path / name) << text;
        return path / name;
    }

    std::filesystem::path path;
};

} // namespace weir::tests
