// Limits the total number of retries.
//
// Thread: one worker's thread.
// Lifetime: a value; the worker's context holds it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace weir::proxy {

// Limits retries to a share of the requests of the last ten seconds. A small number is always allowed, so that a quiet
// worker, or one with a few hundred requests in flight when a backend dies, can still retry each of them once.
class RetryBudget {
public:
    static constexpr std::uint32_t always_allowed = 100; // in ten seconds

    void count_request(std::chrono::steady_clock::time_point now) { ++current(now).requests; }
    // Takes one retry out of a budget of `percent`. Returns false if the budget is used up.
    bool take(std::chrono::steady_clock::time_point now, std::uint32_t percent);

private:
    struct Second {
        std::int64_t at = -1;
        std::uint64_t requests = 0, retries = 0;
    };

    Second& current(std::chrono::steady_clock::time_point now);

    std::array<Second, 10> seconds_{};
};

} // namespace weir::proxy
