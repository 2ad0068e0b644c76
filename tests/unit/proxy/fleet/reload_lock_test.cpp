#include "proxy/fleet/reload_lock.h"
#include "tests/catch.h"
#include "tests/unit/support/reload_site.h"

#include <unistd.h>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;
using weir::test::hold_lock;
using weir::test::ReloadSite;

namespace {

// Tries to take the local lock.
ReloadLock::Attempt take(ReloadSite& site, conf::Duration wait, std::function<bool()> is_over) {
    conf::LockSettings settings;
    settings.wait = wait;
    return site.wait(
        site.parts->lock.take(settings, "a hash", WaitPolicy::while_others_get_through, std::move(is_over)));
}

ReloadLock::Attempt take(ReloadSite& site) {
    return take(site, 100ms, [] { return false; });
}

} // namespace

TEST_CASE("fences of the reload lock rise") {
    ReloadSite site("{}");
    auto first = take(site);
    REQUIRE(first.lease.has_value());
    const auto fence = first.lease->fence;
    first.lock.reset(); // closes the file
    const auto second = take(site);
    REQUIRE(second.lease.has_value());
    CHECK(second.lease->fence == fence + 1);
}

TEST_CASE("a reload lock that is held is given up after reload.lock.wait") {
    ReloadSite site("{}");
    auto held = hold_lock(site);
    const auto attempt = take(site);
    REQUIRE_FALSE(attempt.lease.has_value());
    CHECK(attempt.lease.error() == lock::LockError::timed_out);
    held.reset();
    CHECK(take(site).lease.has_value());
}

TEST_CASE("a reload lock is given up when weir stops") {
    ReloadSite site("{}");
    const auto held = hold_lock(site);
    const auto began = site.clock.now();
    const auto attempt = take(site, 1h, [] { return true; });
    CHECK_FALSE(attempt.lease.has_value());
    CHECK(site.clock.now() - began < 1min);
}

TEST_CASE("the holder of a local lock is found") {
    ReloadSite site("{}");
    CHECK_FALSE(site.wait(site.parts->lock.find_local_holder()));
    const auto held = hold_lock(site);
    const auto holder = site.wait(site.parts->lock.find_local_holder());
    REQUIRE(holder);
    CHECK(holder->pid == ::getpid()); // the test's own process, which holds the lock as another one would
}
