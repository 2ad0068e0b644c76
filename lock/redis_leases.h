// Leases on one Redis server: SET NX PX with a token, a counter as fence, extending and giving back only where the
// token is still there. Each is one script, so nothing happens in between.
//
// Thread: the control thread.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/redis_client.h"

namespace weir::lock {

struct LeaseTerms {
    std::string fleet = "default";
    std::chrono::milliseconds ttl{15000};
    std::uint32_t replicas = 0; // that must know of a lease before it counts
    unsigned place = 1;         // of a lock that several may hold side by side
};

class RedisLeases {
public:
    RedisLeases(boost::asio::any_io_executor executor, RedisOptions server, LeaseTerms terms);

    // The fence, above `floor`. `held`: someone else has it. `unavailable`: unknown whether it was taken.
    Awaitable<Result<std::uint64_t>> take(std::string token, std::uint64_t floor);
    // `lost`: it is someone else's, or nobody's.
    Awaitable<Result<std::uint64_t>> extend(std::string token);
    Awaitable<Result<std::uint64_t>> give_back(std::string token);
    // No fence given from here on is `fence` or lower.
    Awaitable<Result<std::uint64_t>> raise_fence(std::uint64_t fence);

    const std::string& problem() const { return problem_; } // what was unavailable, in words

private:
    Awaitable<Result<RedisReply>> run(std::vector<std::string> words);
    Awaitable<boost::system::error_code> wait_for_replicas();
    boost::system::error_code fail(std::string why);
    std::string key(const char* name) const { return "weir:{" + terms_.fleet + "}:" + name; }
    // What each place has for itself.
    std::string own_key(const char* name) const {
        return key(name) + (terms_.place > 1 ? ":" + std::to_string(terms_.place) : "");
    }
    std::string ttl() const { return std::to_string(terms_.ttl.count()); }

    const LeaseTerms terms_;
    const RedisOptions server_;
    std::string problem_;
    RedisClient client_;
};

} // namespace weir::lock
