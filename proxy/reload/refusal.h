// The reasons why a change is refused, and whether it is retried. While there are no reasons, the change is not
// refused.
//
// Thread: values.
// Lifetime: values that own their data.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace weir::proxy {

// Whether a refused change is tried again automatically.
enum class RetryDecision {
    none,    // no: the configuration itself is refused
    locally, // yes: a port, a host name or a file of this machine was the obstacle
    all,     // yes: the lock or the fleet was the obstacle, not the configuration
};

struct Refusal {
    std::vector<std::string> reasons;
    RetryDecision retry = RetryDecision::none;

    // Returns a refusal that says nothing about the configuration.
    static Refusal for_now(std::string reason) { return {{std::move(reason)}, RetryDecision::all}; }

    bool empty() const { return reasons.empty(); }
    // Refuses the configuration itself. If an obstacle was added before, it still decides whether to retry.
    void add(std::string reason) { reasons.push_back(std::move(reason)); }
    // Refuses the change because of an obstacle on this machine that may go away.
    void add_here(std::string reason) {
        if (retry == RetryDecision::none) retry = RetryDecision::locally;
        add(std::move(reason));
    }
    // Refuses the change for a reason that says nothing about the configuration, on this machine or another.
    void add_for_now(std::string reason) {
        retry = RetryDecision::all;
        add(std::move(reason));
    }
};

// The reason for every refusal because weir is stopping.
inline constexpr auto stopping = "weir is stopping";

} // namespace weir::proxy
