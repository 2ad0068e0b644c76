#include "health/monitor/heartbeat_session.h"

#include "base/deadline.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace weir::health {

namespace asio = boost::asio;

HeartbeatSession::HeartbeatSession(CheckInputs inputs)
    : inputs_(std::move(inputs)), next_timer_(*inputs_.context), silence_timer_(*inputs_.context),
      heartbeat_(inputs_.check.interval, inputs_.check.fall, next_timer_.now(), inputs_.phase) {}

void HeartbeatSession::start() {
    if (inputs_.record->backend().verdict() != Verdict::down) watch_silence();
    asio::co_spawn(*inputs_.context, run(shared_from_this()), asio::detached);
}

void HeartbeatSession::stop() {
    stopped_ = true;
    next_timer_.cancel();
    silence_timer_.cancel();
    boost::system::error_code ignored;
    if (stream_) stream_->close(ignored);
}

bool HeartbeatSession::take_over(const CheckInputs& next) {
    const bool same_question = next.check.type == conf::CheckType::heartbeat &&
                               next.check.mode == conf::CheckMode::pull && next.address() == inputs_.address() &&
                               next.proxy_header() == inputs_.proxy_header() && next.tls == inputs_.tls;
    if (stopped_ || !same_question) return false;
    inputs_ = next;
    const auto asked = heartbeat_.asked();
    heartbeat_ = Heartbeat(next.check.interval, next.check.fall, next_timer_.now(), next.phase);
    if (stream_) heartbeat_.ask(asked);
    else next_timer_.cancel(); // the time of the next heartbeat has changed
    silence_timer_.cancel();
    watching_ = false;
    if (inputs_.record->backend().verdict() != Verdict::down) watch_silence();
    return true;
}

asio::awaitable<void> HeartbeatSession::run(std::shared_ptr<HeartbeatSession> self) {
    while (!self->stopped_) {
        self->next_timer_.expires_at(self->heartbeat_.next());
        co_await self->next_timer_.wait();
        if (self->stopped_) break;
        if (self->next_timer_.now() < self->heartbeat_.next()) continue; // the heartbeat was postponed
        const auto began = self->next_timer_.now();
        self->heartbeat_.ask(began);
        const auto ended = co_await self->ask();
        self->stream_ = nullptr;
        if (!self->stopped_) self->take(ended, self->next_timer_.now() - began);
    }
}

// Sends one heartbeat. The timeout limits only the connection attempt; interval and fall determine how long the answer
// may take.
asio::awaitable<HeartbeatSession::Ended> HeartbeatSession::ask() {
    net::AsyncStream stream(inputs_.context->get_executor());
    stream_ = &stream;
    auto connected = co_await connect_probe(stream, inputs_.target(), inputs_.check.timeout);
    if (connected.failure) {
        const auto cause = connected.timed_out ? Ended::Cause::timeout : Ended::Cause::peer;
        co_return Ended{std::move(*connected.failure), cause};
    }
    Deadline deadline(stream, heartbeat_.max_wait());
    auto result = co_await probe_.talk(stream, inputs_.address());
    if (result.outcome != ProbeOutcome::failed || !deadline.passed()) co_return Ended{std::move(result)};
    co_return Ended{{ProbeOutcome::failed, "no answer within " + conf::format(heartbeat_.max_wait())},
                    Ended::Cause::timeout};
}

void HeartbeatSession::take(const Ended& ended, Clock::TimePoint::duration duration) {
    const auto now = next_timer_.now();
    if (ended.result.outcome == ProbeOutcome::passed) return take_ok(duration);
    if (ended.result.outcome == ProbeOutcome::inconclusive) {
        heartbeat_.take_shortage(now, inputs_.roll());
        return inputs_.record->take(ended.result, duration);
    }
    if (ended.cause == Ended::Cause::peer) {
        heartbeat_.take_miss(now, inputs_.roll());
        return inputs_.record->take(ended.result, duration);
    }
    heartbeat_.take_nothing(now, inputs_.roll());
    inputs_.record->take({ProbeOutcome::inconclusive, ended.result.text}, duration);
}

void HeartbeatSession::take_ok(Clock::TimePoint::duration duration) {
    const auto sign = heartbeat_.take_ok(next_timer_.now(), inputs_.roll());
    auto& record = *inputs_.record;
    record.take({ProbeOutcome::passed, "OK"}, duration, sign == Silence::Sign::in_time ? Row::goes_on : Row::begins);
    if (record.backend().verdict() != Verdict::down && !watching_) watch_silence();
    if (record.backend().verdict() == Verdict::down && heartbeat_.silence().slow_pace())
        record.advise(describe_silence());
}

std::string HeartbeatSession::describe_silence() const {
    const auto& silence = heartbeat_.silence();
    auto text = "no OK for " + conf::format(silence.window());
    if (const auto pace = silence.slow_pace())
        text += "; answers take up to " + conf::format(*pace) + ": raise interval or fall";
    return text;
}

// Waits for the deadline of the silence. An OK only records its time, and the timer checks that time when it expires,
// so that an OK costs no timer.
void HeartbeatSession::watch_silence() {
    watching_ = true;
    silence_timer_.expires_at(heartbeat_.silence().deadline());
    silence_timer_.wait([self = shared_from_this()](WaitEnd end) {
        if (end == WaitEnd::cancelled || self->stopped_) return;
        auto& silence = self->heartbeat_.silence();
        self->watching_ = false;
        if (self->inputs_.record->backend().verdict() == Verdict::down)
            return; // take_ok() restarts the timer once the backend is up
        if (!silence.has_passed(self->silence_timer_.now())) return self->watch_silence();
        self->inputs_.record->take_silence(self->describe_silence(), silence.window());
    });
}

} // namespace weir::health
