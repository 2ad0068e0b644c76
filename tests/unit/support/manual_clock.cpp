#include "tests/unit/support/manual_clock.h"

#include "base/use_nothrow_awaitable.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <unistd.h>

namespace weir::test {

namespace asio = boost::asio;

class ManualTimer final : public ClockTimer {
public:
    ManualTimer(ManualClock& clock, const asio::any_io_executor& executor)
        : clock_(&clock), wake_up_(executor, asio::steady_timer::time_point::max()) {
        clock_->timers_.push_back(this);
    }
    ~ManualTimer() override {
        if (clock_) std::erase(clock_->timers_, this);
    }

    void expires_at(TimePoint time) override {
        cancel();
        time_ = time;
    }
    TimePoint expiry() const override { return time_; }
    void cancel() override {
        wake_up_.cancel();
        end_ = std::make_shared<WaitEnd>(WaitEnd::cancelled);
        waiting_ = 0;
    }
    asio::awaitable<WaitEnd> wait() override {
        if (time_ <= clock_->now()) {
            co_await asio::post(wake_up_.get_executor(), asio::use_awaitable);
            co_return WaitEnd::expired;
        }
        ++waiting_;
        const auto end = end_;
        co_await wake_up_.async_wait(use_nothrow_awaitable);
        co_return *end;
    }
    void wait(std::function<void(WaitEnd)> done) override {
        ++waiting_;
        wake_up_.async_wait([done = std::move(done), end = end_](boost::system::error_code) { done(*end); });
        if (time_ <= clock_->now()) expire();
    }

    void leave_clock() { clock_ = nullptr; }
    bool is_waited_for() const { return waiting_ > 0; }
    void expire() {
        *end_ = WaitEnd::expired;
        cancel();
    }

private:
    ManualClock* clock_;         // null once the clock is destroyed
    asio::steady_timer wake_up_; // never expires: only cancelled
    TimePoint time_ = TimePoint::max();
    std::shared_ptr<WaitEnd> end_ = std::make_shared<WaitEnd>(WaitEnd::cancelled);
    std::size_t waiting_ = 0;
};

namespace {

// Returns whether another thread runs, or waits for the disk or a processor. Its work takes no time on this clock.
bool other_threads_are_busy() {
    const auto self = std::to_string(::gettid());
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
        if (thread.path().filename() == self) continue;
        std::string stat;
        std::getline(std::ifstream(thread.path() / "stat"), stat);
        const auto state = stat.rfind(") ");
        if (state != std::string::npos && (stat[state + 2] == 'R' || stat[state + 2] == 'D')) return true;
    }
    return false;
}

} // namespace

ManualClock::ManualClock(asio::io_context& context) : context_(context) { install_clock(context, *this); }

ManualClock::~ManualClock() {
    for (auto* timer : timers_) timer->leave_clock();
}

std::unique_ptr<ClockTimer> ManualClock::make_timer(const asio::any_io_executor& executor) {
    return std::make_unique<ManualTimer>(*this, executor);
}

void ManualClock::settle() {
    context_.restart();
    while (context_.poll() > 0) {}
}

// Checks the condition between any two handlers, because the scheduler decides how many of them become ready at once.
bool ManualClock::settles_with(const std::function<bool()>& condition) {
    context_.restart();
    bool held = condition();
    while (context_.poll_one() > 0) held = held || condition();
    return held;
}

ManualTimer* ManualClock::next_due(TimePoint end) {
    ManualTimer* next = nullptr;
    for (auto* timer : timers_)
        if (timer->is_waited_for() && timer->expiry() <= end && (!next || timer->expiry() < next->expiry()))
            next = timer;
    return next;
}

bool ManualClock::is_awaited() const {
    return std::any_of(timers_.begin(), timers_.end(),
                       [](const auto* timer) { return timer->is_waited_for() && timer->expiry() != TimePoint::max(); });
}

void ManualClock::move_to(TimePoint time) {
    if (time <= now_) return;
    wall_ += std::chrono::duration_cast<WallTime::duration>(time - now_);
    now_ = time;
}

void ManualClock::run_for(TimePoint::duration time) {
    const auto end = now_ + time;
    settle();
    while (auto* timer = next_due(end)) {
        move_to(timer->expiry());
        timer->expire();
        settle();
    }
    move_to(end);
    settle();
}

bool ManualClock::wait_for(const std::function<bool()>& condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!settles_with(condition)) {
        if (std::chrono::steady_clock::now() > limit) return false;
        context_.restart();
        if (context_.run_one_for(std::chrono::milliseconds(1)) == 0)
            std::this_thread::sleep_for(std::chrono::microseconds(100)); // this context has nothing to wait for
    }
    return true;
}

bool ManualClock::run_until(const std::function<bool()>& condition) {
    const auto end = now_ + std::chrono::minutes(10);
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!settles_with(condition)) {
        if (std::chrono::steady_clock::now() > patience) return false;
        context_.restart();
        if (context_.run_one_for(std::chrono::milliseconds(2)) > 0) continue; // it ran a handler
        if (other_threads_are_busy() || context_.poll_one() > 0) continue;
        auto* timer = next_due(end);
        if (!timer) continue;
        move_to(timer->expiry());
        timer->expire();
    }
    return true;
}

} // namespace weir::test
