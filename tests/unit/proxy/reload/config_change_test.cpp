#include "lock/lease/local_lock.h"
#include "proxy/reload/config_change.h"
#include "tests/catch.h"
#include "tests/unit/support/reload_site.h"

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;
using weir::test::LoopbackPort;
using weir::test::ReloadSite;

namespace {

// Begins a reload and returns once it waits for a lock that the test holds.
ReloadSite::Report begin_waiting_for_lock(ReloadSite& site) {
    auto reload = site.begin_reload();
    site.wait_until([&] { return site.parts->locked.lock_use() == LockUse::waiting; });
    return reload;
}

} // namespace

TEST_CASE("an equivalent file is in force without a lock") {
    ReloadSite site;
    const auto held = test::hold_lock(site);
    const auto began = site.clock.wall_now();
    const auto hash = site.write(site.text(1) + "# a comment\n");
    const auto report = site.reload();
    CHECK(report.verdict == ReloadVerdict::unchanged);
    CHECK(report.trigger == ReloadTrigger::command);
    CHECK(report.at >= began);
    CHECK(report.fence == 0);
    CHECK(site.hash_in_force() == hash);
}

TEST_CASE("a file with errors changes nothing") {
    ReloadSite site;
    const auto before = site.hash_in_force();
    const auto hash = site.write(site.text(2) + "nonsense: 1\n");
    const auto report = site.reload();
    CHECK(report.verdict == ReloadVerdict::refused);
    CHECK(report.hash == hash);
    CHECK(report.fence == 0);
    CHECK_FALSE(report.lock_failed);
    CHECK(site.hash_in_force() == before);
}

TEST_CASE("a listener that cannot be bound refuses the whole change") {
    ReloadSite site("{}");
    const LoopbackPort taken;
    const auto before = site.hash_in_force();
    site.write(site.text(2, "more: {address: \"" + taken.text() + "\", pool: web}"));
    const auto report = site.reload();
    CHECK(report.verdict == ReloadVerdict::refused);
    CHECK(report.retry == RetryDecision::locally);
    REQUIRE(report.errors.size() == 1);
    CHECK(report.errors[0].find("cannot bind " + taken.text()) != std::string::npos);
    CHECK(report.fence > 0); // it had the lock
    CHECK(site.hash_in_force() == before);
}

TEST_CASE("a change waits for a lock that another process holds, then gives up") {
    ReloadSite site("{lock: {wait: 100ms}}");
    const auto before = site.hash_in_force();
    const auto held = test::hold_lock(site);
    site.write(2);
    const auto report = site.reload();
    CHECK(report.verdict == ReloadVerdict::refused);
    CHECK(report.lock_failed);
    CHECK(report.is_for_now());
    REQUIRE(report.errors.size() == 1);
    CHECK(report.errors[0].starts_with("cannot acquire the lock: "));
    CHECK(site.hash_in_force() == before);
    CHECK(site.parts->locked.lock_use() == LockUse::none);
}

TEST_CASE("a change goes on when another process releases the lock") {
    ReloadSite site("{}");
    auto held = test::hold_lock(site);
    const auto hash = site.write(2);
    const auto reload = begin_waiting_for_lock(site);
    held.reset();
    CHECK(site.end(reload).verdict == ReloadVerdict::applied);
    CHECK(site.hash_in_force() == hash);
}

TEST_CASE("what counts is the file when the lock is acquired") {
    ReloadSite site("{}");
    auto held = test::hold_lock(site);
    site.write(2);
    const auto reload = begin_waiting_for_lock(site);
    const auto newer = site.write(3);
    held.reset();
    const auto report = site.end(reload);
    CHECK(report.verdict == ReloadVerdict::applied);
    CHECK(report.hash == newer);
    CHECK(site.hash_in_force() == newer);
}

TEST_CASE("a file with new errors is refused although the lock was acquired") {
    ReloadSite site("{}");
    auto held = test::hold_lock(site);
    site.write(2);
    const auto reload = begin_waiting_for_lock(site);
    site.write(site.text(3) + "nonsense: 1\n");
    held.reset();
    const auto report = site.end(reload);
    CHECK(report.verdict == ReloadVerdict::refused);
    CHECK(report.retry == RetryDecision::none);
    CHECK(report.fence > 0);
}

TEST_CASE("a change that waits for the lock is refused when weir stops") {
    ReloadSite site("{}");
    const auto held = test::hold_lock(site);
    site.write(2);
    const auto reload = begin_waiting_for_lock(site);
    site.reloader->close(Presence::ends);
    const auto report = site.end(reload);
    CHECK(report.verdict == ReloadVerdict::refused);
    CHECK(report.errors == std::vector<std::string>{"weir is stopping"});
    CHECK(report.is_for_now());
    CHECK_FALSE(report.lock_failed);
}

TEST_CASE("nothing is changed any more when weir stops") {
    ReloadSite site("{}");
    site.write(2);
    site.reloader->close(Presence::ends);
    const auto report = site.reload();
    CHECK(report.verdict == ReloadVerdict::refused);
    CHECK(report.errors == std::vector<std::string>{"weir is stopping"});
    CHECK_FALSE(report.hash.empty());
}
