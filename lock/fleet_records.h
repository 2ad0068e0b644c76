// What a fleet keeps beside its lock, on the same servers: members, changes, configurations that are known to be bad.
//
// Changes are fenced here, where it matters: a change that does not have the highest fence that was begun is refused,
// and so is a second configuration under one fence. Whoever has lost its lease, whether it knows or not, changes
// nothing.
//
// Thread: the control thread. Calls may overlap.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/fleet_types.h"
#include "lock/redis_quorum.h"

#include <memory>
#include <string>

namespace weir::lock {

// Whether a change goes alone, or beside others that make the same one.
enum class Going { first, beside };

class FleetRecords {
public:
    // A member is forgotten when nothing has been heard of it for this long.
    static constexpr std::chrono::milliseconds member_life{15'000};

    FleetRecords(std::shared_ptr<RedisQuorum> servers, const std::string& fleet);

    // Tells that this member lives, and learns of what is new.
    Awaitable<Result<FleetNews>> tell(FleetMember member);
    Awaitable<boost::system::error_code> leave(std::string name);

    // Before a change is applied. `lost`: there is a higher fence by now, or another configuration under this one; or
    // it is to go beside others, and what they do is something else or has not stood.
    Awaitable<boost::system::error_code> begin(FleetChange change, Going going = Going::first);
    // How it ended. A bad one is known to be bad from then on, whatever the fence. `lost`: a later change, of another
    // configuration, has begun meanwhile, or this one has been found bad.
    Awaitable<boost::system::error_code> finish(FleetChange change);

    Awaitable<Result<FleetOpinion>> opinion(std::string hash);
    // Whether it is the last that was begun anywhere, and has stood its window: others may follow side by side.
    // False also where nobody can tell.
    Awaitable<bool> has_stood(std::string hash);
    // 1 where it was known to be bad.
    Awaitable<Result<std::uint64_t>> forgive(std::string hash);
    Awaitable<Result<FleetView>> view();
    // Takes the lock away from whoever holds it; 1 where anybody did. It is noted among the changes.
    Awaitable<Result<std::uint64_t>> break_lock(FleetChange note);

    const std::string& problem() const { return servers_->problem(); }

private:
    std::string key(const char* name) const { return prefix_ + name; }

    const std::string prefix_;
    std::shared_ptr<RedisQuorum> servers_;
};

// The braces keep all keys of a fleet in one slot of a cluster.
std::string key_prefix(const std::string& fleet);

} // namespace weir::lock
