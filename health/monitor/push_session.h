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

    // Expects heartbeats at once if the backend is already known to be up, from another process or check. Any other
    // backend stays unknown or down until its first heartbeat.
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
