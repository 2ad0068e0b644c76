#include "proxy/reload/settling.h"
#include "tests/catch.h"

using namespace weir::proxy;
using namespace std::chrono_literals;

namespace {

const weir::Clock::TimePoint start{};

} // namespace

TEST_CASE("a closed or renamed file is read a moment later, then when it changes") {
    Settling files;
    CHECK_FALSE(files.due());
    files.note(start, Writer::closed);
    CHECK(*files.due() == start + 100ms);
    files.note(start + 60ms, Writer::closed);
    CHECK(*files.due() == start + 160ms);
    files.done();
    CHECK_FALSE(files.due());
}

TEST_CASE("an open file is read when its writer closes it, however slow it is") {
    Settling files;
    for (int second = 0; second < 30; ++second) {
        files.note(start + second * 1s, Writer::open);
        CHECK(*files.due() > start + second * 1s + 4s);
    }
    files.note(start + 30s, Writer::closed);
    CHECK(*files.due() == start + 30s + 100ms);
}

TEST_CASE("a writer that never closes is waited for until quiet, a minute at most") {
    Settling files;
    files.note(start, Writer::open);
    CHECK(*files.due() == start + 5s);
    for (int second = 1; second < 58; ++second) files.note(start + second * 1s, Writer::open);
    CHECK(*files.due() == start + 60s);
}

TEST_CASE("files that are replaced all the time are read at least every 2 seconds") {
    Settling files;
    for (int i = 0; i < 100; ++i) files.note(start + i * 20ms, Writer::closed);
    CHECK(*files.due() == start + 2s);
}

TEST_CASE("without write events, a file is read when two looks find it unchanged") {
    Settling files;
    files.note(start, Writer::unknown);
    files.note(start + 1s, Writer::unknown);
    CHECK(*files.due() == start + 3s);
}
