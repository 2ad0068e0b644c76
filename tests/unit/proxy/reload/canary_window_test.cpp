#include "proxy/reload/canary_window.h"
#include "tests/catch.h"
#include "tests/unit/support/reload_site.h"

#include <boost/asio/co_spawn.hpp>

#include <memory>
#include <optional>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;
using weir::test::ReloadSite;

namespace {

// A window of ten seconds that watches one backend.
class WindowFixture {
public:
    WindowFixture() {
        window.begin({});
        window.changed();
        boost::asio::co_spawn(site.control, window.watch(conf::Rollback{10s, {50}, {20}}, nullptr),
                              [this](const std::exception_ptr&, WindowVerdict end) { verdict = std::move(end); });
        site.clock.settle();
    }
    // Returns the verdict of the window, which must have ended.
    const WindowVerdict& settled_verdict() {
        site.clock.settle();
        REQUIRE(verdict);
        return *verdict;
    }

    ReloadSite site{"{}"};
    CanaryWindow window{site.control, *site.runtime};
    std::optional<WindowVerdict> verdict;
};

// A lock that another machine has taken over.
class LostLock final : public lock::Lock {
public:
    lock::Awaitable<Result<lock::Lease>> try_acquire(std::string) override { co_return lock::LockError::held; }
    lock::Awaitable<Result<void>> renew(lock::Lease&) override { co_return lock::LockError::lost; }
    lock::Awaitable<void> release(lock::Lease) override { co_return; }
    std::chrono::milliseconds ttl() const override { return 30s; }
};

} // namespace

TEST_CASE("a window passes after its time and not before") {
    WindowFixture test;
    CHECK(test.window.left() == 10s);
    test.site.clock.run_for(9s);
    CHECK(test.window.is_open());
    CHECK(test.window.left() == 1s);
    test.site.clock.run_for(1s);
    CHECK_FALSE(test.window.is_open());
    CHECK(test.settled_verdict().end == WindowEnd::passed);
}

TEST_CASE("a window ends with the first sample that is worse") {
    WindowFixture test;
    test.site.clock.run_for(3s);
    test.site.set_verdicts(balancer::Verdict::down);
    test.site.clock.run_for(50ms);
    const auto verdict = test.settled_verdict();
    CHECK(verdict.end == WindowEnd::failed);
    CHECK(verdict.cause == RollbackCause::worse);
    CHECK(verdict.reason == "pool web: 0 of 1 backends are healthy, 100% were before "
                            "(rollback.if_healthy_below: 50%)");
}

TEST_CASE("an operator ends a window at once") {
    WindowFixture test;
    CHECK(test.window.end(RollbackCause::aborted));
    CHECK(test.settled_verdict().cause == RollbackCause::aborted);
    CHECK_FALSE(test.window.end(RollbackCause::aborted)); // no window is open
}

TEST_CASE("a newer file does not hide that an operator has aborted the change") {
    WindowFixture test;
    CHECK(test.window.end(RollbackCause::aborted));
    CHECK(test.window.end(RollbackCause::newer_file));
    CHECK(test.settled_verdict().cause == RollbackCause::aborted);
}

TEST_CASE("a regression decides even if the window is ended for another cause") {
    WindowFixture test;
    test.site.set_verdicts(balancer::Verdict::down);
    CHECK(test.window.end(RollbackCause::newer_file));
    CHECK(test.settled_verdict().cause == RollbackCause::worse);
}

TEST_CASE("a window that is closed ends without a verdict on the change") {
    WindowFixture test;
    test.site.set_verdicts(balancer::Verdict::down);
    test.window.close();
    CHECK(test.settled_verdict().end == WindowEnd::closed);
}

TEST_CASE("a window fails when the lease of the lock is lost") {
    ReloadSite site("{}");
    CanaryWindow window(site.control, *site.runtime);
    window.begin({});
    window.changed();
    const lock::LeaseRenewer lease(std::make_shared<LostLock>(), site.control.get_executor(), lock::Lease());
    const auto verdict = site.wait(window.watch(conf::Rollback{10s, {50}, {20}}, &lease));
    CHECK(verdict.end == WindowEnd::failed);
    CHECK(verdict.cause == RollbackCause::lock_lost);
    CHECK(verdict.reason.starts_with("the lock was lost within the canary window: the lease expired"));
}
