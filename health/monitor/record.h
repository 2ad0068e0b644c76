// The health record of one backend: turns the results of checks into a verdict and stores them.
//
// Thread: the control thread.
// Lifetime: shared by the HealthChecker and the check session that reports to it. The clock and the listener must
// outlive the session's checks.
#pragma once

#include "base/clock.h"
#include "health/monitor/verdict_listener.h"
#include "health/probes/probe.h"

#include <string>
#include <utility>

namespace weir::health {

// Whether a backend existed when weir started. A backend that is added later begins with slow start once it is up.
enum class Arrival { at_start, later };

// Whether a passed check continues the current series of passes or begins a new one.
enum class Row { goes_on, begins };

class Record {
public:
    Record(const Clock& clock, balancer::BackendPtr backend, Thresholds thresholds, Arrival arrival,
           VerdictListener& listener)
        : clock_(clock), backend_(std::move(backend)), thresholds_(thresholds), arrival_(arrival), listener_(listener) {
        health.since = clock.wall_now();
    }

    Health health;

    const balancer::Backend& backend() const { return *backend_; }

    // Records the result of a check that took `duration`.
    void take(const ProbeResult& result, Clock::TimePoint::duration duration, Row row = Row::goes_on);
    // Marks the backend as down because it has been silent for `duration`.
    void take_silence(std::string reason, Clock::TimePoint::duration duration);
    // Records advice about a backend that shows signs of life but stays down, because at its pace it would be down
    // again before the next one.
    void advise(std::string advice);
    // Marks a backend without a check as up.
    void assume_up() { decide(Verdict::up); }

private:
    void note(const ProbeResult& result, Clock::TimePoint::duration duration);
    void decide(Verdict verdict);

    const Clock& clock_;
    const balancer::BackendPtr backend_;
    const Thresholds thresholds_;
    const Arrival arrival_;
    VerdictListener& listener_;
    bool advised_ = false; // whether advice was given since the verdict last changed
};

} // namespace weir::health
