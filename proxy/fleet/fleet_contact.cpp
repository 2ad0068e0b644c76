#include "proxy/fleet/fleet_contact.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace weir::proxy {

void FleetContact::note_failure(const Error& error) {
    problem_ = error;
    if (std::exchange(reachable_, false)) spdlog::warn("fleet: unreachable: {}", error.message());
}

void FleetContact::note_reply(const lock::HeartbeatReply& reply, std::uint64_t watermark, Clock::WallTime now,
                              const std::string& fleet) {
    if (!std::exchange(reachable_, true)) spdlog::info("fleet {}: connected", fleet);
    problem_.reset();
    fence_ = reply.fence;
    holder_ = reply.holder;
    heard_ = now;
    const bool went_back = reply.fence < watermark;
    if (went_back && !std::exchange(alarmed_, true)) {
        ++alarms_;
        spdlog::error("fleet: the fence of the servers, {}, is below this machine's, {}: their data was lost or "
                      "restored; the next change raises it above both",
                      reply.fence, watermark);
    }
    if (!went_back) alarmed_ = false;
}

void FleetContact::forget_reply() {
    fence_ = 0;
    holder_.clear();
    heard_.reset();
}

} // namespace weir::proxy
