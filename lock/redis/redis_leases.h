// Leases on one Redis server: SET NX PX with a token, and a counter for the fence. A lease is extended or released only
// if its token is still stored. Each operation changes the server's data with one script, and therefore atomically.
//
// Thread: the control thread.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/redis/fleet_keys.h"
#include "lock/redis/redis_client.h"

namespace weir::lock {

struct LeaseTerms {
    std::string fleet = "default";
    std::chrono::milliseconds ttl{15000};
    std::uint32_t replicas = 0; // number of replicas that must have a lease before it counts
    unsigned slot = 1;          // the slot, if the lock has several (ParallelSlots)
};

class RedisLeases {
public:
    RedisLeases(boost::asio::any_io_executor executor, RedisOptions server, LeaseTerms terms);

    // Takes the lock and returns a fence above `floor`. Fails with `held` if another holder has the lock, and with
    // `unavailable` if it is unknown whether the lock was taken.
    Awaitable<Result<std::uint64_t>> take(std::string token, std::uint64_t floor);
    // Extends the lease to its full time to live, from now on. Fails with `lost` if the token is no longer stored.
    Awaitable<Result<std::uint64_t>> extend(std::string token);
    // Releases the lease. Returns 1, or 0 if the token is no longer stored.
    Awaitable<Result<std::uint64_t>> release(std::string token);
    // Raises the counter to at least `fence`, so that every later lease gets a higher fence.
    Awaitable<Result<std::uint64_t>> raise_fence(std::uint64_t fence);

    std::string state() const { return client_.state(); } // what the request in flight is waiting for

private:
    Awaitable<Result<RedisReply>> run(std::vector<std::string> words);
    Awaitable<Result<void>> wait_for_replicas();
    // Returns the key of this slot.
    std::string own_key(const char* name) const {
        return key_(name) + (terms_.slot > 1 ? ":" + std::to_string(terms_.slot) : "");
    }
    std::string ttl() const { return std::to_string(terms_.ttl.count()); }

    const LeaseTerms terms_;
    const FleetKeys key_;
    const RedisOptions server_;
    RedisClient client_;
};

} // namespace weir::lock
