// A client's HTTP/1 connection: reads one request after the other and has an Exchange answer each.
//
// An idle connection holds no buffer.
//
// Thread: one worker's thread.
// Lifetime: owns itself through its coroutine (spawn); the worker's context outlives it.
#pragma once

#include "proxy/client_session.h"
#include "proxy/http/exchange.h"
#include "proxy/io/task.h"

namespace weir::proxy::http {

class Session final : public ClientSession {
public:
    using ClientSession::ClientSession;

    Task<> run();
    void drain() override;
    bool came_by(const Way& way) const override { return exchange_ && exchange_->came_by(way); }

private:
    Task<HeadResult> read_head();
    Task<bool> wait_for_bytes();
    bool says_nothing() const;
    Task<> refuse(const HeadResult& result);
    Task<> linger();
    void record(const ExchangeReport& report, TimePoint began);
    HeadLimits limits() const;

    const Exchange* exchange_ = nullptr; // that is under way
    HeadScan scan_;
    TimePoint idle_since_{};
    bool idle_ = true;  // between requests, with nothing of the next one read
    bool first_ = true; // no request has been read yet
    bool told_ = false; // the client has been answered: it must be able to read that
};

} // namespace weir::proxy::http
