// One request and its response: selects a backend, retries if that is safe, and forwards both bodies at once.
//
//   plan ─→ select a backend ─→ connect ─→ forward ─→ finished
//    │           │   ↑             │ failed   │ failed before a byte of the response was sent
//    │           │   └─ may retry ─┴──────────┘
//    ↓           ↓ none            ↓ may not
//    └───────────┴── error page ───┘
//
// The parts decide, and the exchange acts: request_plan.h and request_origin.h (what the head says), retry.h and
// attempt_verdict.h (what a failure means). prepared_request.h holds what depends on the pool, backend_connector.h
// obtains a connection, and forward_attempt.h makes one attempt on it.
//
// Thread: one worker's thread.
// Lifetime: lives in its session's coroutine; the session outlives it.
#pragma once

#include "proxy/grpc/status.h"
#include "proxy/http/forward_attempt.h"
#include "proxy/http/forward_auth.h"
#include "proxy/http/mirroring.h"
#include "proxy/http/prepared_request.h"
#include "proxy/http/request_ids.h"
#include "proxy/http/request_variables.h"
#include "proxy/worker/backend_connector.h"

#include <memory>
#include <optional>
#include <string>

namespace weir::proxy::http {

class Exchange final : private PoolUser, private AttemptEvents {
public:
    // `head` is the request, at the front of the client's buffer. Its path becomes the normalized one.
    Exchange(Client& client, RequestHead& head);
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // Runs the exchange until the kernel has taken the whole response or the exchange has failed. Returns what to do
    // with the client's connection.
    Task<Connection> run();

    // Completes and returns the log record. Must be called once, after `run`.
    const log::AccessRecord& finish_record();
    TrafficStats& traffic() const { return traffic_of(*incoming_.listener, incoming_.plan.route); }
    bool uses_path(const TrafficPath& path) const;
    bool is_tunnel() const { return is_tunnel_; }

private:
    // How one try on one backend ended.
    enum class Try { finished, failed, stopped, stale }; // stale: the kept connection was dead

    void on_pool_changed() override { prepared_.prepare_again(selection_); }
    void on_answer_begun(TimePoint asked) override;
    void on_upload_whole() override {
        if (mirroring_) mirroring_->on_upload_whole();
    }
    void on_switched() override;
    void on_tunnel_failed() override { record_try(record_, selection_.last()); }

    Task<Selection> wait_for_backend();
    void begin_try(std::size_t member);
    // `again` is the number of connections to the same backend before this one.
    Task<Try> try_backend(ConnectionUse use, int again);
    void note_outcome();
    Try conclude(const ForwardAttempt& attempt, const EndedAttempt& ended, BackendConnectionPtr connection);
    void keep(const ForwardAttempt& attempt, BackendConnectionPtr connection);
    Try fail_to_connect();
    void note_failure(AttemptVerdict::Blame blame);
    Try try_again_from(TryStage stage);
    void count_retry();
    void record_try(const log::AccessRecord& record, std::size_t member);
    Task<Failure> check_password_of(const conf::Users& users);
    Task<std::optional<Connection>> authorize();
    Task<Connection> deny(const SubResponse& response);
    void begin_mirroring();
    Task<Failure> receive_body();
    Task<Connection> answer(const Failure& why);
    Task<Connection> redirect_to_https();
    Task<Connection> respond_by_route(const conf::Route& route);
    Task<Connection> respond(std::string location, const conf::FixedResponse* fixed = nullptr);
    Failure in_time(const Failure& failure) const;
    void note_call_status(std::optional<grpc::Status> status) {
        if (status) record_.grpc_status = static_cast<int>(*status);
    }
    const PageText* error_page() const;
    const conf::HeaderEdit* response_headers() const;
    RequestVariables variables() const { return variables_of(client_, incoming_, record_); }
    const PoolSpec& pool() const { return *selection_.pool().spec; }
    // Returns the connections to the backend that is being tried.
    BackendLink& link() const { return selection_.pool().link(selection_.last()); }

    Client& client_;
    const IncomingRequest incoming_;
    RequestIds ids_;
    log::AccessRecord record_; // status 0: no response has begun
    BackendSelection selection_;
    PreparedRequest prepared_;
    std::unique_ptr<Mirroring> mirroring_; // null: the route has no mirror
    std::unique_ptr<BodyStore> body_;      // of the request, whole; null unless weir has stored it
    Connection connection_;                // what the response says about the client's connection
    std::string_view authorization_;       // the client's credentials, if the route asks for them
    Failure failure_;                      // of the last try, or the reason why there was no try
    std::chrono::seconds retry_after_{0};  // sent with the error page
    bool is_tunnel_ = false;               // the protocol has been switched
};

} // namespace weir::proxy::http
