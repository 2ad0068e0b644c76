#include "proxy/reload/config_watch.h"
#include "tests/catch.h"

#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace weir;
namespace fs = std::filesystem;

TEST_CASE("files next to the configuration do not trigger a reload") {
    // Writers of the configuration finish first.
    const auto directory = fs::temp_directory_path() / ("weir-config-watch-test-" + std::to_string(::getpid()));
    fs::create_directories(directory);
    std::ofstream(directory / "weir.yaml") << "old";
    boost::asio::io_context control;
    int calls = 0;
    proxy::ConfigWatch watch(control, [&] { ++calls; });
    watch.set_files({directory / "weir.yaml"});
    watch.start();
    std::ofstream(directory / "access.log") << "a line";
    std::ofstream(directory / "weir.yaml.new") << "new";
    control.poll();
    CHECK(calls == 0);
    fs::rename(directory / "weir.yaml.new", directory / "weir.yaml");
    control.poll();
    CHECK(calls == 0); // more may follow
    while (calls == 0) control.run_one();
    CHECK(calls == 1);
    fs::remove_all(directory);
}

TEST_CASE("what is watched newly may have changed since it was read") {
    const auto directory = fs::temp_directory_path() / ("weir-config-watch-test-" + std::to_string(::getpid()));
    fs::create_directories(directory / "conf.d");
    boost::asio::io_context control;
    int calls = 0;
    proxy::ConfigWatch watch(control, [&] { ++calls; });
    watch.set_files({directory / "weir.yaml"});
    watch.start();
    watch.set_files({directory / "weir.yaml"});
    control.poll();
    CHECK(calls == 0);
    watch.set_files({directory / "weir.yaml", directory / "conf.d/*.yaml"});
    while (calls == 0) control.run_one();
    CHECK(calls == 1);
    fs::remove_all(directory);
}

TEST_CASE("a file that is being written at the start is read after it is closed") {
    const auto directory = fs::temp_directory_path() / ("weir-config-watch-test-" + std::to_string(::getpid()));
    fs::create_directories(directory);
    boost::asio::io_context control;
    int calls = 0;
    proxy::ConfigWatch watch(control, [&] { ++calls; });
    watch.set_files({directory / "weir.yaml"});
    std::ofstream writer(directory / "weir.yaml");
    writer << "half" << std::flush;
    watch.start();
    watch.check_soon();
    control.poll();
    CHECK(calls == 0);
    CHECK(watch.are_being_written());
    writer.close();
    while (calls == 0) control.run_one();
    CHECK_FALSE(watch.are_being_written());
    fs::remove_all(directory);
}
