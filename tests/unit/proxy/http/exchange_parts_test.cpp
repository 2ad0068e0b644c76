#include "base/recent_peak.h"
#include "proxy/http1/keep_alive.h"
#include "proxy/snapshot/timeouts.h"
#include "proxy/worker/open_work.h"
#include "tests/catch.h"

using namespace weir::proxy;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const weir::RecentPeak::TimePoint start = weir::RecentPeak::TimePoint() + std::chrono::hours(1);

std::optional<seconds> idle_timeout(std::string_view value) {
    return http::keep_alive_timeout({{"Keep-Alive", value, http::FieldId::keep_alive}});
}

} // namespace

TEST_CASE("a burst counts in full for half a minute and then fades") {
    weir::RecentPeak peak;
    CHECK(peak.read(start) == 0);
    peak.note(1000, start);
    peak.note(10, start + seconds(5));
    for (const int later : {0, 9, 30, 39}) CHECK(peak.read(start + seconds(later)) == 1000);
    CHECK(peak.read(start + seconds(40)) == 750);
    CHECK(peak.read(start + seconds(50)) == 500);
    CHECK(peak.read(start + seconds(60)) == 250);
    CHECK(peak.read(start + seconds(70)) == 0);
    peak.note(7, start + seconds(70)); // it reuses the slot of the first note
    CHECK(peak.read(start + seconds(70)) == 7);
}

TEST_CASE("an idle connection is closed before the backend's own timeout") {
    CHECK(idle_timeout("timeout=5, max=100") == seconds(5));
    CHECK(idle_timeout("max=100 , Timeout = \"7\"") == seconds(7));
    CHECK(idle_timeout("timeout=9, timeout=3") == seconds(3));
    for (const auto* odd : {"", "timeout", "timeout=", "timeout=-1", "timeout=1s", "timeout=99999999999", "max=3"})
        CHECK(!idle_timeout(odd));
    const weir::conf::Duration usual = seconds(55);
    const auto kept = [&](std::optional<seconds> backend_timeout) {
        return http::keep_until({start, start}, usual, backend_timeout) - start;
    };
    CHECK(kept({}) == usual);
    CHECK(kept(seconds(5)) == seconds(4));
    CHECK(kept(seconds(1)) == milliseconds(500));
    CHECK(kept(seconds(0)) == seconds(0));
    CHECK(kept(seconds(600)) == usual);
}

TEST_CASE("a backend's idle time counts from its last byte, not from the client") {
    const weir::conf::Duration usual = seconds(55);
    CHECK(http::keep_until({start, start - seconds(3)}, usual, seconds(6)) == start + seconds(2));
    CHECK(http::keep_until({start, start - seconds(9)}, usual, seconds(6)) < start);
    CHECK(http::keep_until({start, start - seconds(9)}, usual, {}) == start + usual);
}

TEST_CASE("a drain says how much of each kind is open") {
    OpenWork work;
    for (const auto activity : {Activity::idle, Activity::request, Activity::tunnel, Activity::tunnel})
        work.add(activity);
    work += work;
    CHECK(format(work) == "2 requests, 4 tunnels and 0 TCP connections");
    CHECK(format(OpenWork{1, 1, 1}) == "1 request, 1 tunnel and 1 TCP connection");
}

TEST_CASE("a pool or route may set its own stream_idle") {
    weir::conf::TimeoutOverrides overrides;
    overrides.stream_idle = seconds(7);
    const auto merged = merge_timeouts({}, overrides);
    CHECK(merged.stream_idle == seconds(7));
    CHECK(merged.response == weir::conf::Timeouts{}.response);
}
