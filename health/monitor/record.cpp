#include "health/monitor/record.h"

#include <utility>

namespace weir::health {

void Record::take(const ProbeResult& result, Clock::TimePoint::duration duration, Row row) {
    note(result, duration);
    if (row == Row::begins) health.progress.passes = 0;
    decide(thresholds_.observe(backend_->verdict(), health.progress, result.outcome));
}

void Record::take_silence(std::string reason, Clock::TimePoint::duration duration) {
    note({ProbeOutcome::failed, std::move(reason)}, duration);
    health.progress = {0, thresholds_.fall};
    decide(Verdict::down);
}

void Record::advise(std::string advice) {
    health.last_failure = std::move(advice);
    if (!std::exchange(advised_, true)) listener_.on_advice(backend_, health.last_failure);
}

void Record::note(const ProbeResult& result, Clock::TimePoint::duration duration) {
    ++health.checks;
    health.last_check = {clock_.wall_now(), duration, result.text};
    if (result.outcome != ProbeOutcome::passed) health.last_failure = result.text;
    if (result.outcome == ProbeOutcome::failed) ++health.failed_checks;
}

void Record::decide(Verdict verdict) {
    const auto before = backend_->verdict();
    if (verdict == before) return;
    advised_ = false;
    if (verdict == Verdict::down) ++health.ejections;
    const bool comes = before == Verdict::down || arrival_ == Arrival::later;
    if (verdict == Verdict::up && comes) backend_->set_ramp_start(clock_.now());
    health.since = clock_.wall_now();
    backend_->set_verdict(verdict);
    listener_.on_verdict(backend_, before, health);
}

} // namespace weir::health
