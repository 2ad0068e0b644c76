#include "proxy/io/timer_wheel.h"
#include "proxy/io/waiter.h"
#include "tests/catch.h"

#include <functional>
#include <memory>
#include <random>

using namespace weir::proxy;
using std::chrono::milliseconds;

namespace {

struct Recorder final : Waker {
    std::function<void()> then = [] {};
    int woken = 0;
    void wake() override {
        ++woken;
        then();
    }
};

const TimePoint start = TimePoint() + std::chrono::hours(1);

} // namespace

TEST_CASE("a deadline passes never early and at most two ticks late") {
    for (const int ms : {1, 15, 16, 17, 100, 5000, 8191, 8192, 20000, 3600000}) {
        INFO(ms);
        TimerWheel wheel(start);
        Recorder recorder;
        WheelTimer timer(wheel, recorder);
        timer.set(start + milliseconds(ms));
        for (int now = 0; now < ms; now += 7) wheel.advance(start + milliseconds(now));
        CHECK(recorder.woken == 0);
        wheel.advance(start + milliseconds(ms + 32));
        CHECK(recorder.woken == 1);
        CHECK(timer.expired());
        wheel.advance(start + milliseconds(ms + 100000));
        CHECK(recorder.woken == 1);
    }
}

TEST_CASE("moving a deadline, later or sooner, counts") {
    TimerWheel wheel(start);
    Recorder recorder;
    WheelTimer timer(wheel, recorder);
    timer.set(start + milliseconds(100));
    timer.set(start + milliseconds(1000));
    wheel.advance(start + milliseconds(500));
    CHECK(recorder.woken == 0);
    timer.set(start + milliseconds(600));
    wheel.advance(start + milliseconds(640));
    CHECK(recorder.woken == 1);
    timer.set(start + milliseconds(700));
    CHECK_FALSE(timer.expired());
    timer.cancel();
    wheel.advance(start + milliseconds(2000));
    CHECK(recorder.woken == 1);
}

TEST_CASE("a timer may free others, and itself, when it wakes") {
    TimerWheel wheel(start);
    std::vector<std::unique_ptr<WheelTimer>> timers;
    std::vector<Recorder> recorders(10);
    for (auto& recorder : recorders) {
        timers.push_back(std::make_unique<WheelTimer>(wheel, recorder));
        timers.back()->set(start + milliseconds(50));
        recorder.then = [&] { timers.clear(); };
    }
    wheel.advance(start + milliseconds(100));
    int woken = 0;
    for (const auto& recorder : recorders) woken += recorder.woken;
    CHECK(woken == 1);
}

TEST_CASE("until_next never sleeps past a deadline") {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        TimerWheel wheel(start);
        Recorder recorder;
        WheelTimer timer(wheel, recorder);
        auto now = start + milliseconds(random() % 50000);
        wheel.advance(now);
        const auto deadline = now + milliseconds(random() % 30000);
        timer.set(deadline);
        int naps = 0;
        while (recorder.woken == 0) {
            REQUIRE(++naps < 20);
            now += wheel.until_next(now);
            wheel.advance(now);
        }
        CHECK(now >= deadline);
        CHECK(now <= deadline + milliseconds(33));
    }
}

TEST_CASE("a loop that is late does not sleep on") {
    TimerWheel wheel(start);
    Recorder recorder;
    WheelTimer timer(wheel, recorder);
    timer.set(start + milliseconds(100));
    wheel.advance(start + milliseconds(50));
    CHECK(wheel.until_next(start + milliseconds(5000)) == milliseconds(0));
}
