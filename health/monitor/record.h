// The health record of one backend: turns the results of checks into a verdict and stores them.
//
// Thread: the control thread.
// Lifetime: shared by the HealthChecker and the check session that reports to it.
#pragma once

#include "balancer/backend.h"
#include "health/probes/probe.h"
#include "health/rules/thresholds.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace weir::health {

// How the last check of a backend ended.
struct LastCheck {
    std::chrono::system_clock::time_point at;     // when it ended
    std::chrono::steady_clock::duration duration; // zero for a pushed heartbeat
    std::string result;                           // a short description: "status 200", or the reason of a failure
};

// The health of one backend, for status and metrics.
struct Health {
    Progress progress;
    std::uint64_t checks = 0, failed_checks = 0, ejections = 0;
    std::string last_failure;                                                       // the reason of the last failure
    std::chrono::system_clock::time_point since = std::chrono::system_clock::now(); // when the verdict last changed
    std::optional<LastCheck> last_check;                                            // unset before the first one ends
};

// Whether a backend existed at the start; one that arrives later starts slowly once it is up.
enum class Arrival { at_start, later };

// Whether a pass continues the current row of passes or begins a new one.
enum class Row { goes_on, begins };

class Record {
public:
    // Called after each change of the verdict.
    using OnVerdict = std::function<void(const balancer::BackendPtr&, Verdict before, const Health&)>;
    // Called once while a backend is down if a setting keeps it down.
    using OnAdvice = std::function<void(const balancer::BackendPtr&, const std::string& advice)>;

    Record(balancer::BackendPtr backend, Thresholds thresholds, Arrival arrival, OnVerdict on_verdict,
           OnAdvice on_advice)
        : backend_(std::move(backend)), thresholds_(thresholds), arrival_(arrival), on_verdict_(std::move(on_verdict)),
          on_advice_(std::move(on_advice)) {}

    Health health;

    const balancer::Backend& backend() const { return *backend_; }

    // Records the result of a check.
    void take(const ProbeResult& result, std::chrono::steady_clock::duration duration, Row row = Row::goes_on);
    // Sets the backend down, because it has been silent for `duration`, which is too long.
    void take_silence(std::string reason, std::chrono::steady_clock::duration duration);
    // Records advice on a backend that is alive but stays down: at its pace it would be down again before its next sign
    // of life.
    void advise(std::string advice);
    // Sets a backend without a check to up.
    void assume_up() { decide(Verdict::up); }

private:
    void note(const ProbeResult& result, std::chrono::steady_clock::duration duration);
    void decide(Verdict verdict);

    const balancer::BackendPtr backend_;
    const Thresholds thresholds_;
    const Arrival arrival_;
    const OnVerdict on_verdict_;
    const OnAdvice on_advice_;
    bool advised_ = false; // whether advice was given since the verdict last changed
};

} // namespace weir::health
