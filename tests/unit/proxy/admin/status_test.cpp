#include "proxy/admin/status.h"

#include "base/iso_time.h"
#include "tests/catch.h"
#include "tests/unit/support/reload_site.h"

#include <boost/json.hpp>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;
using weir::test::LoopbackPort;
using weir::test::ReloadSite;

namespace {

boost::json::object render_status(const ReloadSite& site, Clock::TimePoint started) {
    return admin::status(*site.runtime, *site.reloader, site.clock, started);
}

} // namespace

TEST_CASE("the uptime does not change when the machine's date is set") {
    ReloadSite site;
    const auto started = site.clock.now();
    site.clock.run_for(90s);
    site.clock.set_wall(site.clock.wall_now() + 24h);
    CHECK(render_status(site, started)["uptime_seconds"] == 90);
}

TEST_CASE("the status shows how much of the canary window is left") {
    ReloadSite site("{rollback: {window: 10s}}");
    site.write(2);
    const auto report = site.begin_window();
    const auto opened = site.clock.wall_now();
    site.clock.run_for(4s);
    const auto window = render_status(site, site.clock.now())["reload"].at("window");
    CHECK(window.at("left_ms") == 6000);
    CHECK(window.at("ends_at").as_string() == to_iso(opened + 10s));
    CHECK(site.end(report).verdict == ReloadVerdict::applied);
}

TEST_CASE("the status shows the open HTTP/2 connections and streams of a listener") {
    ReloadSite site("{}");
    CHECK_FALSE(render_status(site, site.clock.now())["listeners"].at(0).as_object().contains("http2"));
    LoopbackPort port;
    site.write(site.text(1, "two: {address: \"" + port.text() + "\", pool: web, http2: true}"));
    port.release();
    REQUIRE(site.reload().verdict == ReloadVerdict::applied);
    auto& counters = site.runtime->snapshot()->listeners[1]->stats->workers[0].http2;
    counters.on_connection_opened();
    counters.on_stream_opened();
    counters.on_stream_opened();
    counters.on_stream_closed();
    const auto two = render_status(site, site.clock.now())["listeners"].at(1).as_object();
    const boost::json::object expected{{"connections", 1}, {"active", 1}, {"streams", 2}, {"active_streams", 1}};
    CHECK(two.at("http2").as_object() == expected);
}
