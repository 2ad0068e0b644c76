// Probes a backend once per interval, for checks of the types http, grpc and tcp.
//
// Thread: the control thread.
// Lifetime: the same as CheckSession.
#pragma once

#include "base/timer.h"
#include "health/monitor/check_session.h"

#include <boost/asio/awaitable.hpp>

namespace weir::health {

class ProbeSession final : public CheckSession, public std::enable_shared_from_this<ProbeSession> {
public:
    explicit ProbeSession(CheckInputs inputs)
        : inputs_(std::move(inputs)), timer_(*inputs_.context),
          probe_(make_probe(inputs_.check, inputs_.http_version())) {}

    void start() override;
    void stop() override;

private:
    static boost::asio::awaitable<void> run(std::shared_ptr<ProbeSession> self);

    const CheckInputs inputs_;
    Timer timer_;
    const std::unique_ptr<Probe> probe_;
    bool stopped_ = false;
};

} // namespace weir::health
