#include "health/monitor/push_session.h"

namespace weir::health {
namespace {

// Rounds up to a multiple of 25 ms, so that the timers of many backends expire together and wake the thread once.
Clock::TimePoint together(Clock::TimePoint time) {
    return std::chrono::ceil<std::chrono::duration<std::int64_t, std::ratio<1, 40>>>(time);
}

} // namespace

PushSession::PushSession(CheckInputs inputs)
    : inputs_(std::move(inputs)), timer_(*inputs_.context),
      silence_(inputs_.check.interval * inputs_.check.fall, timer_.now()) {}

void PushSession::start() {
    if (inputs_.record->backend().verdict() == Verdict::up) listen();
}

void PushSession::stop() {
    stopped_ = true;
    timer_.cancel();
}

void PushSession::beat() {
    if (stopped_) return;
    const auto now = timer_.now();
    auto& record = *inputs_.record;
    if (record.backend().verdict() == Verdict::unknown) silence_.excuse(now); // no heartbeat has been expected so far
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

// Waits for the deadline of the silence. A heartbeat only records its time, and the timer checks that time when it
// expires, so that a heartbeat costs no timer.
void PushSession::listen() {
    listening_ = true;
    timer_.expires_at(together(silence_.deadline()));
    timer_.wait([self = shared_from_this()](WaitEnd end) {
        if (end == WaitEnd::cancelled || self->stopped_) return;
        if (!self->silence_.has_passed(self->timer_.now())) return self->listen();
        self->listening_ = false; // until the next heartbeat
        self->inputs_.record->take_silence(self->describe_silence(), self->silence_.window());
    });
}

} // namespace weir::health
