#include "health/monitor/check_session.h"

#include "health/monitor/heartbeat_session.h"
#include "health/monitor/probe_session.h"
#include "health/monitor/push_session.h"

namespace weir::health {

CheckSessionPtr make_check_session(CheckInputs inputs) {
    if (inputs.check.mode == conf::CheckMode::push) return std::make_shared<PushSession>(std::move(inputs));
    if (inputs.check.type == conf::CheckType::heartbeat) return std::make_shared<HeartbeatSession>(std::move(inputs));
    return std::make_shared<ProbeSession>(std::move(inputs));
}

} // namespace weir::health
