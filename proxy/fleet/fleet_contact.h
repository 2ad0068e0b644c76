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
    // Records that the servers did not answer a heartbeat. Logs this when they stop answering.
    void note_failure(const Error& error);
    // Records that an operation other than a heartbeat failed.
    void note_problem(const Error& error) { problem_ = error; }
    // Records a heartbeat reply. `watermark` is the highest fence on this machine's disk. If the servers' fence is
    // lower, this is logged and counted once, until their fence has reached the watermark again.
    void note_reply(const lock::HeartbeatReply& reply, std::uint64_t watermark, Clock::WallTime now,
                    const std::string& fleet);
    // Forgets the last reply, because the agent has switched to other servers. is_reachable() keeps its value until the
    // next heartbeat.
    void forget_reply();
    // Suppresses the next alarm, because other servers may have lower fences although no data was lost.
    void expect_lower_fences() { alarmed_ = true; }

    bool is_reachable() const { return reachable_; }
    const std::optional<Error>& problem() const { return problem_; } // the last one; unset after a reply
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
