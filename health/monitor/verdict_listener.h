// Receives a notification when the HealthChecker changes a verdict, or has advice about a backend.
//
// Thread: the control thread.
// Lifetime: a listener outlives the HealthChecker that calls it.
#pragma once

#include "balancer/backend.h"
#include "health/monitor/health.h"

#include <string>

namespace weir::health {

class VerdictListener {
public:
    virtual ~VerdictListener() = default;

    // Called after the verdict on a backend has changed; `before` is the old one.
    virtual void on_verdict(const balancer::BackendPtr& backend, Verdict before, const Health& health) = 0;
    // Called at most once while a backend is down, if it shows signs of life but a setting keeps it down. `advice` is a
    // message that names the setting.
    virtual void on_advice(const balancer::BackendPtr& backend, const std::string& advice) = 0;
};

} // namespace weir::health
