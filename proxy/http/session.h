// A client's HTTP connection. Over HTTP/1.1, it reads one request after another and runs an Exchange for each; over
// HTTP/2, an Http2Session takes over.
//
// An idle HTTP/1.1 connection holds no buffer.
//
// Thread: one worker's thread.
// Lifetime: owns itself through its coroutine (spawn); the worker's context outlives it.
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/http/http2_session.h"
#include "proxy/io/task.h"
#include "proxy/worker/client_session.h"

namespace weir::proxy::http {

class Session final : public ClientSession {
public:
    using ClientSession::ClientSession;

    Task<> run();
    void drain() override;
    void cut(const TrafficPath& path) override;
    void add_work(OpenWork& work) const override;

private:
    Task<> serve_http1();
    Task<> serve_http2();
    Task<bool> chooses_http2();
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
    Http2Session* http2_ = nullptr;      // null: the connection is HTTP/1.1
    HeadScan scan_;
    TimePoint idle_since_{};
    bool idle_ = true;  // between requests: no byte of the next request has been read
    bool first_ = true; // no request has been read yet
    bool told_ = false; // the client has been sent a response and must be able to read it
};

} // namespace weir::proxy::http
