// What the servers of a fleet last reported to this machine, and whether they answer.
//
// Thread: the control thread.
// Lifetime: a value; owns its data.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "lock/fleet/fleet_types.h"

#include <cstdint>
#include <optional>
#include <string>

namespace weir::proxy {

class FleetContact {
public:
    // The servers did not answer a heartbeat. Logged when they stop answering.
    void note_failure(const Error& error);
    // An operation failed that is not a heartbeat.
    void note_problem(const Error& error) { problem_ = error; }
    // The servers answered a heartbeat. `watermark` is the highest fence on this machine's disk; a lower fence of the
    // servers is logged and counted once, until it is above the watermark again.
    void note_reply(const lock::HeartbeatReply& reply, std::uint64_t watermark, Clock::WallTime now,
                    const std::string& fleet);
    // The servers are others from now on. Whether they answer is shown as before until the next heartbeat.
    void forget_reply();
    // The next servers may have lower fences although no data was lost.
    void expect_lower_fences() { alarmed_ = true; }

    bool is_reachable() const { return reachable_; }
    const std::optional<Error>& problem() const { return problem_; } // the last one; unset since a reply
    std::uint64_t fence() const { return fence_; }
    const std::string& lock_holder() const { return holder_; }
    std::optional<Clock::WallTime> heard() const { return heard_; }
    std::uint64_t fence_alarms() const { return alarms_; }

private:
    bool reachable_ = false, alarmed_ = false;
    std::optional<Error> problem_;
    std::string holder_;
    std::optional<Clock::WallTime> heard_;
    std::uint64_t fence_ = 0, alarms_ = 0;
};

} // namespace weir::proxy
