// Records what a HealthChecker reports. Some tests read the records; others only need a listener.
//
// Thread: the test's.
// Lifetime: it must outlive the HealthChecker that calls it.
#pragma once

#include "health/monitor/verdict_listener.h"

#include <string>
#include <vector>

namespace weir::tests {

class VerdictLog final : public health::VerdictListener {
public:
    std::vector<health::Verdict> verdicts; // one for each change
    std::vector<std::string> advice;

private:
    void on_verdict(const balancer::BackendPtr& backend, health::Verdict, const health::Health&) override {
        verdicts.push_back(backend->verdict());
    }
    void on_advice(const balancer::BackendPtr&, const std::string& text) override { advice.push_back(text); }
};

} // namespace weir::tests
