// Ejects backends that fail live requests and brings them back on probation: the first error after that ejects them
// again. It is the only writer of ejections; the HealthChecker writes verdicts.
//
// Thread: the control thread; workers post their reports to it.
// Lifetime: the io_context and the listener must outlive the detector.
#pragma once

#include "balancer/backend.h"
#include "base/clock.h"
#include "health/monitor/ejection_listener.h"
#include "health/rules/outlier.h"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace weir::health {

// The backends of a pool, and the rules for ejecting them.
struct OutlierPool {
    std::vector<balancer::BackendPtr> backends;
    std::optional<conf::OutlierEjection> rules;
};

class OutlierDetector {
public:
    OutlierDetector(boost::asio::io_context& context, EjectionListener& listener)
        : context_(context), clock_(clock_of(context)), listener_(listener) {}
    ~OutlierDetector();
    OutlierDetector(const OutlierDetector&) = delete;
    OutlierDetector& operator=(const OutlierDetector&) = delete;

    // Replaces the pools to watch. An ejected backend stays ejected, unless its pool no longer has rules.
    void watch(const std::vector<OutlierPool>& pools);

    // Called when live requests to a backend have failed as many times in a row as the rules allow. Ejects the backend,
    // unless too many backends of its pool are out of service already.
    void report(const balancer::BackendPtr& backend);

    // Brings an ejected backend back without probation, because something else caused the errors.
    void uneject(const balancer::Backend& backend);

    // Returns how often a backend has been ejected so far by this detector.
    std::uint64_t ejections(const balancer::Backend& backend) const;

    // Returns when a backend was last ejected or brought back; unset if it never was.
    std::optional<Clock::WallTime> last_change(const balancer::Backend& backend) const;

private:
    struct EjectedHost;

    void come_back(EjectedHost& host);

    boost::asio::io_context& context_;
    Clock& clock_;
    EjectionListener& listener_;
    std::unordered_map<const balancer::Backend*, std::shared_ptr<EjectedHost>> ejected_;
    std::unordered_map<const balancer::Backend*, std::shared_ptr<const OutlierPool>> pools_;
};

} // namespace weir::health
