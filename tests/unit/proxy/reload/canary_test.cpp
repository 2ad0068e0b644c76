#include "proxy/reload/canary.h"
#include "tests/catch.h"
#include "tests/unit/support/reload_site.h"

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;
using balancer::Verdict;
using weir::test::ReloadSite;

TEST_CASE("a change that passes its window stays, and is the last good one") {
    ReloadSite site;
    const auto hash = site.write(2);
    const auto reload = site.begin_window();
    CHECK(site.hash_in_force() == hash);
    CHECK(site.parts->state.is_watching);
    CHECK(site.last_good() != hash);
    const auto report = site.end(reload);
    CHECK(report.verdict == ReloadVerdict::applied);
    CHECK(report.errors.empty());
    CHECK(report.fence > 0);
    CHECK(site.parts->state.in_force.fence == report.fence);
    CHECK_FALSE(site.parts->state.is_watching);
    CHECK(site.last_good() == hash);
}

TEST_CASE("without rollback rules a change is final at once") {
    ReloadSite site("{}");
    const auto hash = site.write(2);
    CHECK(site.reload().verdict == ReloadVerdict::applied);
    CHECK(site.hash_in_force() == hash);
    CHECK(site.last_good() == hash);
}

TEST_CASE("a regression in the window rolls the change back and denies it") {
    ReloadSite site;
    const auto before = site.hash_in_force();
    const auto in_force = site.parts->state.in_force;
    const auto hash = site.write(2);
    const auto reload = site.begin_window();
    site.set_verdicts(Verdict::down);
    const auto report = site.end(reload);
    CHECK(report.verdict == ReloadVerdict::rolled_back);
    CHECK(report.cause == RollbackCause::worse);
    CHECK(report.retry == RetryDecision::none);
    CHECK(report.errors == std::vector<std::string>{"pool web: 0 of 2 backends are healthy, 100% were before "
                                                    "(rollback.if_healthy_below: 50%)"});
    CHECK(site.hash_in_force() == before);
    CHECK(site.parts->state.in_force.since == in_force.since);
    CHECK(site.parts->state.in_force.fence == in_force.fence);
    CHECK(site.is_denied(hash));

    site.set_verdicts(Verdict::up);
    const auto again = site.reload();
    CHECK(again.verdict == ReloadVerdict::refused);
    REQUIRE(again.errors.size() == 1);
    CHECK(again.errors[0].starts_with("this configuration was rolled back at 2030-01-01T00:00:"));

    CHECK(site.reload(Force::yes).verdict == ReloadVerdict::applied);
    CHECK_FALSE(site.is_denied(hash)); // it has passed its window this time
}

TEST_CASE("a regression after the window does not roll back") {
    ReloadSite site;
    const auto hash = site.write(2);
    CHECK(site.reload().verdict == ReloadVerdict::applied);
    site.set_verdicts(Verdict::down);
    site.clock.run_for(1min);
    CHECK(site.hash_in_force() == hash);
    CHECK_FALSE(site.is_denied(hash));
}

TEST_CASE("a pool that was as bad before the change does not roll it back") {
    ReloadSite site;
    site.set_verdicts(Verdict::down);
    const auto hash = site.write(site.text(1) + "# a comment\ntimeouts: {connect: 7s}\n");
    CHECK(site.reload().verdict == ReloadVerdict::applied);
    CHECK(site.hash_in_force() == hash);
}

TEST_CASE("an aborted change is rolled back and denied") {
    ReloadSite site;
    const auto before = site.hash_in_force();
    const auto hash = site.write(2);
    const auto reload = site.begin_window();
    const auto aborted = site.wait(site.reloader->abort());
    REQUIRE(aborted);
    CHECK(aborted->verdict == ReloadVerdict::rolled_back);
    CHECK(aborted->cause == RollbackCause::aborted);
    CHECK(aborted->errors == std::vector<std::string>{"aborted by an operator (weir reload --abort)"});
    CHECK(site.end(reload).cause == RollbackCause::aborted);
    CHECK(site.hash_in_force() == before);
    CHECK(site.is_denied(hash));
    CHECK_FALSE(site.wait(site.reloader->abort())); // no window is open
}

TEST_CASE("a change in its window stays when weir stops") {
    ReloadSite site("{rollback: {window: 20m}}");
    const auto hash = site.write(2);
    const auto reload = site.begin_window();
    site.reloader->close(Presence::ends);
    const auto report = site.end(reload);
    CHECK(report.verdict == ReloadVerdict::applied);
    CHECK(site.hash_in_force() == hash);
    CHECK(site.last_good() != hash); // the window ended without a verdict
    CHECK_FALSE(site.is_denied(hash));
}

TEST_CASE("the start configuration is the last good one after its window") {
    ReloadSite site;
    const auto started = site.hash_in_force();
    CHECK(site.parts->state.in_force.since == site.clock.wall_now());
    site.clock.run_for(900ms);
    CHECK(site.last_good().empty());
    site.wait_until([&] { return site.last_good() == started; });
}

TEST_CASE("a change cuts the window of the start short, until it is rolled back") {
    ReloadSite site("{rollback: {window: 10s}}");
    const auto started = site.hash_in_force();
    site.write(2);
    site.begin_window();
    site.clock.run_for(9s);
    REQUIRE(site.wait(site.reloader->abort()));
    site.clock.run_for(9s); // 9 s since the rollback, 18 s since the start
    CHECK(site.last_good().empty());
    site.wait_until([&] { return site.last_good() == started; });
}
