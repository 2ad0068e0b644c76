// When a request may be tried on another backend, and how often that may happen in all.
//
// Thread: pure function; a budget belongs to one worker.
// Lifetime: values.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace weir::proxy::http {

// What is known when a try has failed.
struct FailedTry {
    enum class Stage { connecting, sent, answering };

    Stage stage;             // connecting: nothing was sent; answering: a byte of the answer has reached the client
    bool idempotent = false; // the method may be carried out twice (RFC 9110 section 9.2.2)
    bool replayable = false; // no byte of a body has been passed on
};

bool may_retry(const FailedTry& failed);
bool is_idempotent(std::string_view method);

// Retries as a share of the requests of the last ten seconds. A small number is always allowed, so that a quiet
// worker, or one with a few hundred requests in flight when a backend dies, can still retry each of them once.
class RetryBudget {
public:
    static constexpr std::uint32_t always_allowed = 100; // in ten seconds

    void count_request(std::chrono::steady_clock::time_point now) { ++current(now).requests; }
    // Takes one retry out of the budget of `percent`; false where it is used up.
    bool take(std::chrono::steady_clock::time_point now, std::uint32_t percent);

private:
    struct Second {
        std::int64_t at = -1;
        std::uint64_t requests = 0, retries = 0;
    };

    Second& current(std::chrono::steady_clock::time_point now);

    std::array<Second, 10> seconds_{};
};

} // namespace weir::proxy::http
