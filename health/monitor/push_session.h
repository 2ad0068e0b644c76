// Waits for the heartbeats that a backend sends. The backend is down if `fall` intervals pass without a heartbeat.
//
// Thread: the control thread.
// Lifetime: the same as CheckSession.
#pragma once

#include "base/timer.h"
#include "health/monitor/check_session.h"
#include "health/rules/silence.h"

namespace weir::health {

class PushSession final : public CheckSession, public std::enable_shared_from_this<PushSession> {
public:
    explicit PushSession(CheckInputs inputs);

    // A backend that another process or check knew as up is expected to send heartbeats. Any other stays unknown or
    // down until its first heartbeat.
    void start() override;
    void stop() override;
    void beat() override;

private:
    void listen();
    std::string describe_silence() const;

    const CheckInputs inputs_;
    Timer timer_;
    Silence silence_;
    bool listening_ = false, stopped_ = false;
};

} // namespace weir::health
