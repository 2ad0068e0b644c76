#include "conf/watch/watch.h"
#include "tests/catch.h"

#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace weir::conf;
namespace fs = std::filesystem;

namespace {

struct Directory {
    fs::path path = fs::temp_directory_path() / ("weir-watch-test-" + std::to_string(::getpid()));
    Directory() { fs::create_directories(path / "v1"), fs::create_directories(path / "v2"); }
    ~Directory() { fs::remove_all(path); }
    void write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
};

} // namespace

TEST_CASE("a file is seen to change however it is changed") {
    const Directory directory;
    directory.write("weir.yaml", "1");
    FileWatch watch;
    REQUIRE(watch.descriptor() >= 0);
    watch.set_files({directory.path / "weir.yaml"});
    CHECK(watch.read_events() == Watched::quiet);

    directory.write("weir.yaml", "2"); // truncated and written
    CHECK(watch.read_events() == Watched::changed);

    directory.write("new", "3"); // renamed over
    fs::rename(directory.path / "new", directory.path / "weir.yaml");
    CHECK(watch.read_events() == Watched::changed);
    CHECK(watch.read_events() == Watched::quiet);
}

TEST_CASE("a symbolic link on the way that is swapped is seen") {
    const Directory directory;
    directory.write("v1/weir.yaml", "1");
    directory.write("v2/weir.yaml", "2");
    fs::create_directory_symlink("v1", directory.path / "current");
    fs::create_symlink("current/weir.yaml", directory.path / "weir.yaml");
    FileWatch watch;
    watch.set_files({directory.path / "weir.yaml"});
    fs::create_directory_symlink("v2", directory.path / "next");
    fs::rename(directory.path / "next", directory.path / "current");
    CHECK(watch.read_events() == Watched::changed);
    directory.write("v2/weir.yaml", "3"); // and what it leads to now is watched
    CHECK(watch.read_events() == Watched::changed);
}

TEST_CASE("a directory that vanishes and returns is watched again") {
    const Directory directory;
    const auto inner = directory.path / "inner";
    fs::create_directories(inner);
    FileWatch watch;
    watch.set_files({inner / "weir.yaml"});
    fs::remove_all(inner);
    CHECK(watch.read_events() == Watched::changed);
    fs::create_directories(inner);
    CHECK(watch.refresh() == Watched::changed);
    std::ofstream(inner / "weir.yaml") << "1";
    CHECK(watch.read_events() == Watched::changed);
}

TEST_CASE("a pattern covers files that match it and directories that come later") {
    const Directory directory;
    FileWatch watch;
    watch.set_files({directory.path / "pools-*.yaml", directory.path / "v*/weir.yaml"});
    directory.write("access.log", "1");
    directory.write("v1/access.log", "1");
    CHECK(watch.read_events() == Watched::quiet);
    directory.write("pools-a.yaml", "1");
    CHECK(watch.read_events() == Watched::changed);
    directory.write("v1/weir.yaml", "1");
    CHECK(watch.read_events() == Watched::changed);
    fs::create_directory(directory.path / "v3");
    CHECK(watch.read_events() == Watched::changed);
    directory.write("v3/weir.yaml", "1");
    CHECK(watch.read_events() == Watched::changed);
    fs::create_directory(directory.path / "other");
    CHECK(watch.read_events() == Watched::quiet);
}

TEST_CASE("a name that looks like a pattern is watched as it is") {
    const Directory directory;
    fs::create_directory(directory.path / "[x]");
    FileWatch watch;
    watch.set_files({directory.path / "[x]" / "weir[1].yaml"});
    directory.write("[x]/weir[1].yaml", "1");
    CHECK(watch.read_events() == Watched::changed);
}

TEST_CASE("watching a new file counts as a change") {
    const Directory directory;
    FileWatch watch;
    CHECK(watch.set_files({directory.path / "weir.yaml"}) == Watched::changed);
    CHECK(watch.set_files({directory.path / "weir.yaml"}) == Watched::quiet);
    CHECK(watch.set_files({directory.path / "weir.yaml", directory.path / "more.yaml"}) == Watched::changed);
}

TEST_CASE("a file that is written in place has a writer until that closes it") {
    const Directory directory;
    directory.write("weir.yaml", "1");
    FileWatch watch;
    watch.set_files({directory.path / "weir.yaml"});
    std::ofstream slow(directory.path / "weir.yaml");
    slow << "half" << std::flush;
    CHECK(watch.read_events() == Watched::changed);
    CHECK(watch.has_writer());
    slow << " whole" << std::flush;
    CHECK(watch.read_events() == Watched::changed);
    CHECK(watch.has_writer());
    slow.close();
    CHECK(watch.read_events() == Watched::changed);
    CHECK_FALSE(watch.has_writer());
}

TEST_CASE("renaming a complete file over a half-written one ends the waiting") {
    const Directory directory;
    directory.write("weir.yaml", "1");
    FileWatch watch;
    watch.set_files({directory.path / "weir.yaml"});
    std::ofstream slow(directory.path / "weir.yaml");
    slow << "half" << std::flush;
    watch.read_events();
    CHECK(watch.has_writer());
    directory.write("new", "2");
    fs::rename(directory.path / "new", directory.path / "weir.yaml");
    CHECK(watch.read_events() == Watched::changed);
    CHECK_FALSE(watch.has_writer());
}

TEST_CASE("what inotify does not report is seen by looking") {
    const Directory directory;
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
