#include "proxy/reload/config_watch.h"
#include "tests/catch.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/support/manual_clock.h"

#include <filesystem>
#include <fstream>
#include <optional>

using namespace weir;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// A watch on a directory; counts how often the files have changed.
class WatchFixture final : public proxy::ConfigWatchListener {
    std::optional<test::ManualClock> clock_; // outlives the timers of `control`

public:
    WatchFixture() { std::ofstream(file) << "old"; }
    void on_files_changed() override { ++calls; }

    tests::TempDirectory temporary;
    const fs::path directory = temporary.path, file = directory / "weir.yaml";
    boost::asio::io_context control;
    test::ManualClock& clock = clock_.emplace(control);
    int calls = 0;
    proxy::ConfigWatch watch{control, *this};
};

} // namespace

TEST_CASE("files next to the configuration do not trigger a reload") {
    // A change of the configuration takes effect only after its writers have been quiet for a while.
    WatchFixture test;
    test.watch.set_files({test.file});
    test.watch.start();
    std::ofstream(test.directory / "access.log") << "a line";
    std::ofstream(test.directory / "weir.yaml.new") << "new";
    test.clock.run_for(10s);
    CHECK(test.calls == 0);
    fs::rename(test.directory / "weir.yaml.new", test.file);
    test.clock.run_for(99ms);
    CHECK(test.calls == 0); // more changes may follow
    test.clock.run_for(1ms);
    CHECK(test.calls == 1);
    test.clock.run_for(1min);
    CHECK(test.calls == 1);
}

TEST_CASE("what is watched newly may have changed since it was read") {
    WatchFixture test;
    fs::create_directories(test.directory / "conf.d");
    test.watch.set_files({test.file});
    test.watch.start();
    test.watch.set_files({test.file});
    test.clock.run_for(10s);
    CHECK(test.calls == 0);
    test.watch.set_files({test.file, test.directory / "conf.d/*.yaml"});
    test.clock.run_for(100ms);
    CHECK(test.calls == 1);
}

TEST_CASE("a file that is being written at the start is read after it is closed") {
    WatchFixture test;
    test.watch.set_files({test.file});
    std::ofstream writer(test.file);
    writer << "half" << std::flush;
    test.watch.start();
    test.watch.check_soon();
    test.clock.run_for(4s);
    CHECK(test.calls == 0);
    CHECK(test.watch.are_being_written());
    writer.close();
    test.clock.run_for(100ms);
    CHECK(test.calls == 1);
    CHECK_FALSE(test.watch.are_being_written());
}

TEST_CASE("a program that keeps a file open does not delay a reload for ever") {
    WatchFixture test;
    test.watch.set_files({test.file});
    test.watch.start();
    std::ofstream writer(test.file);
    for (int second = 0; second < 59; ++second) {
        writer << "more" << std::flush;
        test.clock.run_for(1s);
    }
    CHECK(test.calls == 0);
    test.clock.run_for(5s);
    CHECK(test.calls == 1);
}

TEST_CASE("a watch that was stopped reports nothing") {
    WatchFixture test;
    test.watch.set_files({test.file});
    test.watch.start();
    std::ofstream(test.file) << "new";
    test.clock.settle();
    test.watch.stop();
    test.clock.run_for(1min);
    CHECK(test.calls == 0);
}
