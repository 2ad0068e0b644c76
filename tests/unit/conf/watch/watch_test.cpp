#include "conf/watch/watch.h"
#include "tests/catch.h"
#include "tests/support/temp_directory.h"

#include <filesystem>
#include <fstream>

using namespace weir::conf;
namespace fs = std::filesystem;

namespace {

// A directory with the directories v1 and v2, and a watch over some of its files. Names are relative to the directory.
class WatchedDirectory : public weir::tests::TempDirectory {
public:
    explicit WatchedDirectory(const std::vector<std::string>& names = {}) {
        for (const char* name : {"v1", "v2"}) fs::create_directory(path / name);
        watch_files(names);
    }

    Watched watch_files(const std::vector<std::string>& names) {
        std::vector<std::string> files;
        for (const auto& name : names) files.push_back(path / name);
        return watch.set_files(files);
    }
    Watched read_events() { return watch.read_events(); }
    void rename(const std::string& from, const std::string& to) const { fs::rename(path / from, path / to); }

    FileWatch watch;
};

} // namespace

TEST_CASE("a file is seen to change however it is changed") {
    WatchedDirectory directory({"weir.yaml"});
    REQUIRE(directory.watch.descriptor() >= 0);
    CHECK(directory.read_events() == Watched::quiet);
    directory.write("weir.yaml", "1");
    CHECK(directory.read_events() == Watched::changed);

    directory.write("weir.yaml", "2"); // truncated and written
    CHECK(directory.read_events() == Watched::changed);

    directory.write("new", "3"); // renamed over
    directory.rename("new", "weir.yaml");
    CHECK(directory.read_events() == Watched::changed);
    CHECK(directory.read_events() == Watched::quiet);
}

TEST_CASE("a symbolic link on the way that is swapped is seen") {
    WatchedDirectory directory;
    directory.write("v1/weir.yaml", "1");
    directory.write("v2/weir.yaml", "2");
    fs::create_directory_symlink("v1", directory.path / "current");
    fs::create_symlink("current/weir.yaml", directory.path / "weir.yaml");
    directory.watch_files({"weir.yaml"});
    fs::create_directory_symlink("v2", directory.path / "next");
    directory.rename("next", "current");
    CHECK(directory.read_events() == Watched::changed);
    directory.write("v2/weir.yaml", "3"); // the new target is watched, too
    CHECK(directory.read_events() == Watched::changed);
}

TEST_CASE("a directory that vanishes and returns is watched again") {
    WatchedDirectory directory;
    const auto inner = directory.path / "inner";
    fs::create_directory(inner);
    directory.watch_files({"inner/weir.yaml"});
    fs::remove_all(inner);
    CHECK(directory.read_events() == Watched::changed);
    fs::create_directories(inner);
    CHECK(directory.watch.refresh() == Watched::changed);
    std::ofstream(inner / "weir.yaml") << "1";
    CHECK(directory.read_events() == Watched::changed);
}

TEST_CASE("a pattern covers files that match it and directories that come later") {
    WatchedDirectory directory({"pools-*.yaml", "v*/weir.yaml"});
    directory.write("access.log", "1");
    directory.write("v1/access.log", "1");
    CHECK(directory.read_events() == Watched::quiet);
    directory.write("pools-a.yaml", "1");
    CHECK(directory.read_events() == Watched::changed);
    directory.write("v1/weir.yaml", "1");
    CHECK(directory.read_events() == Watched::changed);
    fs::create_directory(directory.path / "v3");
    CHECK(directory.read_events() == Watched::changed);
    directory.write("v3/weir.yaml", "1");
    CHECK(directory.read_events() == Watched::changed);
    fs::create_directory(directory.path / "other");
    CHECK(directory.read_events() == Watched::quiet);
}

TEST_CASE("a name that looks like a pattern is watched as it is") {
    WatchedDirectory directory;
    fs::create_directory(directory.path / "[x]");
    directory.watch_files({"[x]/weir[1].yaml"});
    directory.write("[x]/weir[1].yaml", "1");
    CHECK(directory.read_events() == Watched::changed);
}

TEST_CASE("watching a new file counts as a change") {
    WatchedDirectory directory;
    CHECK(directory.watch_files({"weir.yaml"}) == Watched::changed);
    CHECK(directory.watch_files({"weir.yaml"}) == Watched::quiet);
    CHECK(directory.watch_files({"weir.yaml", "more.yaml"}) == Watched::changed);
}

TEST_CASE("a file that is written in place has a writer until that closes it") {
    WatchedDirectory directory;
    directory.write("weir.yaml", "1");
    directory.watch_files({"weir.yaml"});
    std::ofstream slow(directory.path / "weir.yaml");
    slow << "half" << std::flush;
    CHECK(directory.read_events() == Watched::changed);
    CHECK(directory.watch.has_writer());
    slow << " whole" << std::flush;
    CHECK(directory.read_events() == Watched::changed);
    CHECK(directory.watch.has_writer());
    slow.close();
    CHECK(directory.read_events() == Watched::changed);
    CHECK_FALSE(directory.watch.has_writer());
}

TEST_CASE("renaming a complete file over a half-written one ends the waiting") {
    WatchedDirectory directory;
    directory.write("weir.yaml", "1");
    directory.watch_files({"weir.yaml"});
    std::ofstream slow(directory.path / "weir.yaml");
    slow << "half" << std::flush;
    directory.read_events();
    CHECK(directory.watch.has_writer());
    directory.write("new", "2");
    directory.rename("new", "weir.yaml");
    CHECK(directory.read_events() == Watched::changed);
    CHECK_FALSE(directory.watch.has_writer());
}

TEST_CASE("what inotify does not report is seen by looking") {
    const WatchedDirectory directory;
    directory.write("weir.yaml", "1");
    directory.write("v1/a.yaml", "1");
    FileStamps stamps;
    const std::vector<std::string> files{directory.path / "weir.yaml", directory.path / "v*/*.yaml"};
    CHECK(stamps.look(files));
    CHECK_FALSE(stamps.look(files));
    fs::last_write_time(directory.path / "weir.yaml", fs::file_time_type::clock::now() + std::chrono::hours(1));
    CHECK(stamps.look(files));
    directory.write("v2/b.yaml", "1");
    CHECK(stamps.look(files));
    fs::permissions(directory.path / "v2/b.yaml", fs::perms::owner_read);
    CHECK(stamps.look(files));
    fs::remove(directory.path / "v1/a.yaml");
    CHECK(stamps.look(files));
    CHECK_FALSE(stamps.look(files));
}
