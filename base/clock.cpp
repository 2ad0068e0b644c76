#include "base/clock.h"

#include "base/use_nothrow_awaitable.h"

#include <boost/asio/steady_timer.hpp>

namespace weir {

namespace asio = boost::asio;

namespace {

class SystemTimer final : public ClockTimer {
public:
    explicit SystemTimer(const asio::any_io_executor& executor) : timer_(executor, TimePoint::max()) {}

    void expires_at(TimePoint time) override { timer_.expires_at(time); }
    TimePoint expiry() const override { return timer_.expiry(); }
    void cancel() override { timer_.cancel(); }

    // The timer may have been destroyed when the wait ends, so nothing of it is used afterwards.
    asio::awaitable<WaitEnd> wait() override {
        const auto [error] = co_await timer_.async_wait(use_nothrow_awaitable);
        co_return error ? WaitEnd::cancelled : WaitEnd::expired;
    }
    void wait(std::function<void(WaitEnd)> done) override {
        timer_.async_wait([done = std::move(done)](boost::system::error_code error) {
            done(error ? WaitEnd::cancelled : WaitEnd::expired);
        });
    }

private:
    asio::steady_timer timer_;
};

class SystemClock final : public Clock {
public:
    TimePoint now() const override { return std::chrono::steady_clock::now(); }
    WallTime wall_now() const override { return std::chrono::system_clock::now(); }
    std::unique_ptr<ClockTimer> make_timer(const asio::any_io_executor& executor) override {
        return std::make_unique<SystemTimer>(executor);
    }
};

// Ties a clock to an io_context.
class ClockService final : public asio::execution_context::service {
public:
    using key_type = ClockService;
    static asio::execution_context::id id;

    explicit ClockService(asio::execution_context& context) : service(context) {}

    Clock& clock() { return *clock_; }
    void replace(Clock& clock) { clock_ = &clock; }

private:
    void shutdown() override {}

    SystemClock system_;
    Clock* clock_ = &system_;
};

asio::execution_context::id ClockService::id;

} // namespace

Clock& clock_of(asio::execution_context& context) { return asio::use_service<ClockService>(context).clock(); }

Clock& clock_of(const asio::any_io_executor& executor) {
    return clock_of(asio::query(executor, asio::execution::context));
}

void install_clock(asio::execution_context& context, Clock& clock) {
    asio::use_service<ClockService>(context).replace(clock);
}

} // namespace weir
