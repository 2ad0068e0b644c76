#include "health/monitor/push_session.h"

namespace weir::health {
namespace {

using Clock = std::chrono::steady_clock;

// Rounds up to 25 ms, so that the timers of many backends expire together and wake the thread once.
Clock::time_point together(Clock::time_point time) {
    return std::chrono::ceil<std::chrono::duration<std::int64_t, std::ratio<1, 40>>>(time);
}

} // namespace

PushSession::PushSession(CheckInputs inputs)
    : inputs_(std::move(inputs)), timer_(*inputs_.context),
      silence_(inputs_.check.interval * inputs_.check.fall, Clock::now()) {}

void PushSession::start() {
    if (inputs_.record->backend().verdict() == Verdict::up) listen();
}

void PushSession::stop() {
    stopped_ = true;
    timer_.cancel();
}

void PushSession::beat() {
    if (stopped_) return;
    const auto now = Clock::now();
    auto& record = *inputs_.record;
    if (record.backend().verdict() == Verdict::unknown) silence_.excuse(now); // no heartbeat was expected so far
    const auto sign = silence_.hear(now);
    record.take({ProbeOutcome::passed, "heartbeat received"}, {},
                sign == Silence::Sign::in_time ? Row::goes_on : Row::begins);
    if (record.backend().verdict() == Verdict::down && silence_.slow_pace()) record.advise(describe_silence());
    if (!listening_) listen();
}

std::string PushSession::describe_silence() const {
    auto text = "no heartbeat for " + conf::format(silence_.window());
    if (const auto pace = silence_.slow_pace())
        text +=
            "; heartbeats are up to " + conf::format(*pace) + " apart: raise interval or fall, or send them more often";
    return text;
}

// Waits for the deadline. A heartbeat only records its time, and the timer checks that time when it expires, so that a
// heartbeat costs no timer.
void PushSession::listen() {
    listening_ = true;
    timer_.expires_at(together(silence_.deadline()));
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (error || self->stopped_) return;
        if (!self->silence_.has_passed(Clock::now())) return self->listen();
        self->listening_ = false; // until the next heartbeat
        self->inputs_.record->take_silence(self->describe_silence(), self->silence_.window());
    });
}

} // namespace weir::health
