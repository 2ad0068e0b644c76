#include "lock/lease/acquire.h"

#include "base/timer.h"
#include "tests/catch.h"
#include "tests/unit/support/manual_clock.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <optional>

using namespace std::chrono_literals;
using namespace weir::lock;
using weir::Error;
using weir::Result;
using weir::sleep_for;
using weir::test::ManualClock;

namespace asio = boost::asio;

namespace {

// A lock whose answers a test sets.
struct ScriptedLock final : Lock {
    explicit ScriptedLock(const ManualClock& manual) : clock(manual) {}

    Lease lease() const { return {7, "token", clock.now() + ttl(), 1}; }
    Awaitable<Result<Lease>> try_acquire(std::string) override {
        ++attempts;
        if (is_free) co_return lease();
        co_return LockError::held;
    }
    Awaitable<Result<void>> renew(Lease& renewed) override {
        ++renewals;
        if (answer_time > 0s) co_await sleep_for(answer_time);
        if (answer) renewed.deadline = clock.now() + ttl();
        co_return answer;
    }
    Awaitable<void> release(Lease) override {
        ++releases;
        co_return;
    }
    std::chrono::milliseconds ttl() const override { return 15s; }

    const ManualClock& clock;
    bool is_free = false;
    Result<void> answer; // the answer to a renewal
    std::chrono::milliseconds answer_time{0};
    int attempts = 0, renewals = 0, releases = 0;
};

struct LeaseBench {
    asio::io_context control;
    ManualClock clock{control};
    std::shared_ptr<ScriptedLock> lock = std::make_shared<ScriptedLock>(clock);
    std::optional<LeaseRenewer> renewer;
    std::optional<Result<Lease>> acquired;

    void renew() { renewer.emplace(lock, control.get_executor(), lock->lease()); }
    void release() { asio::co_spawn(control, renewer->release(), asio::detached); }
    void acquire(std::chrono::milliseconds wait) {
        const auto work = [](LeaseBench& bench, std::chrono::milliseconds longest) -> Awaitable<void> {
            bench.acquired = co_await weir::lock::acquire(*bench.lock, "lb-1", longest, [] { return 0.5; });
        };
        asio::co_spawn(control, work(*this, wait), asio::detached);
    }
    // Returns whether a count rises from 0 to 1 exactly when this much time has passed.
    bool rises_after(std::chrono::milliseconds time, const int& count) {
        clock.run_for(time - 1ms);
        const bool is_early = count > 0;
        clock.run_for(1ms);
        return !is_early && count == 1;
    }
    ~LeaseBench() { // the timers must end before their clock
        renewer.reset();
        clock.settle();
    }
};

} // namespace

TEST_CASE("a lease is renewed every third of its time to live") {
    LeaseBench bench;
    bench.renew();
    CHECK(bench.rises_after(5s, bench.lock->renewals));
    bench.clock.run_for(50s);
    CHECK(bench.lock->renewals == 11);
    CHECK(bench.renewer->is_held());
}

TEST_CASE("a renewal that another holder answers ends the lease") {
    LeaseBench bench;
    bench.renew();
    bench.lock->answer = LockError::lost;
    bench.clock.run_for(5s);
    CHECK_FALSE(bench.renewer->is_held());
    CHECK(bench.renewer->loss().find("taken over") != std::string::npos);
    bench.clock.run_for(1min);
    CHECK(bench.lock->renewals == 1);
}

TEST_CASE("a renewal without an answer is repeated until the lease expires") {
    LeaseBench bench;
    bench.renew();
    bench.lock->answer = Error(LockError::unavailable, "the server is away");
    bench.clock.run_for(14999ms); // renewals after 5, 7.5, 10 and 12.5 s
    CHECK(bench.lock->renewals == 4);
    CHECK(bench.renewer->is_held());
    bench.clock.run_for(1ms);
    CHECK_FALSE(bench.renewer->is_held());
    CHECK(bench.renewer->loss().find("could not be renewed: the server is away") != std::string::npos);
}

TEST_CASE("a lease is released after a renewal in flight") {
    LeaseBench bench;
    bench.renew();
    bench.lock->answer_time = 2s;
    bench.clock.run_for(6s);
    bench.release();
    CHECK(bench.rises_after(1s, bench.lock->releases));
    bench.clock.run_for(1min);
    CHECK(bench.lock->renewals == 1);
}

TEST_CASE("a held lock is tried with growing pauses until it is free") {
    LeaseBench bench;
    bench.acquire(1min);
    bench.clock.run_for(10s);
    CHECK(bench.lock->attempts > 20); // the longest pause is 400 ms
    CHECK(bench.lock->attempts < 60);
    CHECK_FALSE(bench.acquired);
    bench.lock->is_free = true;
    bench.clock.run_for(400ms);
    REQUIRE((bench.acquired && *bench.acquired));
    CHECK((*bench.acquired)->fence == 7);
}

TEST_CASE("a lock that stays held is given up after the configured wait") {
    LeaseBench bench;
    bench.acquire(3s);
    bench.clock.run_for(2s);
    CHECK_FALSE(bench.acquired);
    bench.clock.run_for(1s);
    REQUIRE((bench.acquired && !*bench.acquired));
    CHECK(bench.acquired->error() == LockError::timed_out);
}
