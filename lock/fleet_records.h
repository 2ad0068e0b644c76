// What a fleet keeps beside its lock, on the same servers: members, changes, configurations that are known to be bad.
//
// Changes are fenced here, where it matters: a change that does not have the highest fence that was begun is refused,
// and so is a second configuration under one fence. Whoever has lost its lease, whether it knows or not, changes
// nothing.
//
// Thread: the control thread; one call at a time.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/fleet_types.h"
#include "lock/redis_client.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::lock {

class FleetRecords {
public:
    // A member is forgotten when nothing has been heard of it for this long.
    static constexpr std::chrono::milliseconds member_life{15'000};

    // With several independent servers, a majority of them decides.
    FleetRecords(boost::asio::any_io_executor executor, const std::vector<RedisOptions>& servers,
                 const std::string& fleet);

    // Tells that this member lives. Returns the highest fence that the server remembers.
    Awaitable<Result<std::uint64_t>> tell(FleetMember member);
    Awaitable<boost::system::error_code> leave(std::string name);

    // Before a change is applied. `lost`: there is a higher fence by now, or another configuration under this one.
    Awaitable<boost::system::error_code> begin(FleetChange change);
    // How it ended. A bad one is known to be bad from then on, whatever the fence; `lost` as above.
    Awaitable<boost::system::error_code> finish(FleetChange change);

    Awaitable<Result<std::optional<FleetBad>>> find_bad(std::string hash);
    // 1 where it was known to be bad.
    Awaitable<Result<std::uint64_t>> forgive(std::string hash);
    Awaitable<Result<FleetView>> view();
    // Takes the lock away from whoever holds it; 1 where anybody did. It is noted among the changes.
    Awaitable<Result<std::uint64_t>> break_lock(FleetChange note);

    const std::string& problem() const { return problem_; } // what was unavailable, in words

private:
    // The answers of a majority at least.
    Awaitable<Result<std::vector<RedisReply>>> run(std::vector<std::string> words);
    Awaitable<Result<std::uint64_t>> count(std::vector<std::string> words);
    boost::system::error_code verdict(const Result<std::vector<RedisReply>>& replies) const;
    std::string key(const char* name) const { return prefix_ + name; }

    const std::string prefix_;
    boost::asio::any_io_executor executor_;
    std::string problem_;
    std::vector<std::unique_ptr<RedisClient>> clients_;
};

} // namespace weir::lock
