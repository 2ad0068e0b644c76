// A client's HTTP/1 connection: reads one request after another and runs an Exchange for each.
//
// An idle connection holds no buffer.
//
// Thread: one worker's thread.
// Lifetime: owns itself through its coroutine (spawn); the worker's context outlives it.
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/io/task.h"
#include "proxy/worker/client_session.h"

namespace weir::proxy::http {

class Session final : public ClientSession {
public:
    using ClientSession::ClientSession;

    Task<> run();
    void drain() override;
    bool uses_path(const TrafficPath& path) const override { return exchange_ && exchange_->uses_path(path); }
    Activity activity() const override {
        if (exchange_) return exchange_->is_tunnel() ? Activity::tunnel : Activity::request;
        return idle_ ? Activity::idle : Activity::request;
    }

private:
    Task<HeadResult> read_head();
    Task<bool> wait_for_bytes();
    bool says_nothing() const;
    Task<> report_begin_failure();
    Task<> refuse(const HeadResult& result, FailureReason reason, std::string_view hint = {});
    Task<> linger();
    void record_left();
    void record_refused(const Failure& failure, int status, std::string offending = {},
                        const log::ByteCounts& sent = {});
    HeadLimits limits() const;

    const Exchange* exchange_ = nullptr; // the exchange that is running
    HeadScan scan_;
    TimePoint idle_since_{};
    bool idle_ = true;  // between requests: no byte of the next request has been read
    bool first_ = true; // no request has been read yet
    bool told_ = false; // the client has been sent a response and must be able to read it
};

} // namespace weir::proxy::http
