// Sends heartbeats to a backend's responder, one at a time. The Heartbeat class decides when to send them, and
// evaluates the answers.
//
// Thread: the control thread.
// Lifetime: the same as CheckSession.
#pragma once

#include "base/timer.h"
#include "health/monitor/check_session.h"
#include "health/probes/heartbeat_probe.h"
#include "health/rules/heartbeat.h"

#include <boost/asio/awaitable.hpp>

namespace weir::health {

class HeartbeatSession final : public CheckSession, public std::enable_shared_from_this<HeartbeatSession> {
public:
    explicit HeartbeatSession(CheckInputs inputs);

    void start() override;
    void stop() override;
    // Keeps the outstanding heartbeat, because an abandoned one would stay in the queue of a slow responder and cost it
    // a pause.
    bool take_over(const CheckInputs& next) override;

private:
    // How one heartbeat ended: by an action of the peer, or by a timeout here.
    struct Ended {
        enum class Cause { peer, timeout };
        ProbeResult result;
        Cause cause = Cause::peer;
    };

    static boost::asio::awaitable<void> run(std::shared_ptr<HeartbeatSession> self);
    boost::asio::awaitable<Ended> ask();
    void take(const Ended& ended, Clock::TimePoint::duration duration);
    void take_ok(Clock::TimePoint::duration duration);
    void watch_silence();
    std::string describe_silence() const;

    CheckInputs inputs_;
    Timer next_timer_, silence_timer_;
    Heartbeat heartbeat_;
    HeartbeatProbe probe_;
    net::AsyncStream* stream_ = nullptr; // the connection of the outstanding heartbeat
    bool watching_ = false, stopped_ = false;
};

} // namespace weir::health
