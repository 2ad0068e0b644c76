#include "health/monitor/probe_session.h"

#include "health/rules/schedule.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

namespace weir::health {

namespace asio = boost::asio;

void ProbeSession::start() { asio::co_spawn(*inputs_.context, run(shared_from_this()), asio::detached); }

void ProbeSession::stop() {
    stopped_ = true;
    timer_.cancel();
}

asio::awaitable<void> ProbeSession::run(std::shared_ptr<ProbeSession> self) {
    const auto& inputs = self->inputs_;
    auto& timer = self->timer_;
    const auto interval = inputs.check.interval;
    auto next = timer.now() + first_delay(interval, inputs.phase);
    double jitter = 0;
    for (bool first = true; !self->stopped_; first = false) {
        timer.expires_at(next);
        co_await timer.wait();
        if (self->stopped_) break;
        const auto before = std::exchange(jitter, first ? 0 : inputs.roll());
        next += first ? second_delay(interval, inputs.phase) : next_delay(interval, before, jitter);
        const auto began = timer.now();
        next = std::max(next, began); // the weir process may have been suspended
        const auto result = co_await run_probe(*self->probe_, inputs.target(), inputs.check.timeout);
        if (!self->stopped_) inputs.record->take(result, timer.now() - began);
    }
}

} // namespace weir::health
