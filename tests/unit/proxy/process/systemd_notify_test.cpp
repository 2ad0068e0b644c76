#include "proxy/process/systemd_notify.h"

#include "tests/catch.h"

using namespace weir::proxy;
using namespace std::chrono_literals;

TEST_CASE("a process reports to the watchdog if systemd expects it to", "[systemd]") {
    CHECK(watchdog_timeout("30000000", "17", 17) == 30s);
    CHECK(watchdog_timeout("1", "17", 17) == 1us);
}

TEST_CASE("a process that takes over has no WATCHDOG_PID and reports as well", "[systemd]") {
    CHECK(watchdog_timeout("30000000", nullptr, 18) == 30s);
}

TEST_CASE("a child of the watched process does not report in its place", "[systemd]") {
    CHECK_FALSE(watchdog_timeout("30000000", "17", 18));
}

TEST_CASE("without a watchdog, or with an invalid one, nothing is reported", "[systemd]") {
    CHECK_FALSE(watchdog_timeout(nullptr, nullptr, 17));
    CHECK_FALSE(watchdog_timeout(nullptr, "17", 17));
    for (const char* bad : {"", "0", "-1", "30s", " 1", "99999999999999999999"}) {
        INFO(bad);
        CHECK_FALSE(watchdog_timeout(bad, "17", 17));
        CHECK_FALSE(watchdog_timeout("30000000", bad, 17));
    }
}
