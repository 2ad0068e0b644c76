// Forwards a request to one backend and its response to the client, both ways at once, until both have ended.
//
// Thread: one worker's thread.
// Lifetime: lives within one try of an exchange.
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/transfer/body_forwarder.h"

#include <optional>

namespace weir::proxy::http {

class ForwardAttempt {
public:
    enum class Result {
        finished,    // the client has been sent the whole response
        no_answer,   // the backend closed or failed before it answered
        bad_answer,  // the backend's answer is not HTTP
        slow_answer, // the backend did not answer in time
        slow_client, // the client did not send its body in time
        bad_body,    // the client's body is malformed
        large_body,  // the client's body is over the limit
        client_gone,
        cut_off,    // the response had begun and the backend did not complete it
        broken_off, // the response had begun and ended early for a reason other than the backend
    };

    ForwardAttempt(Exchange& exchange, BackendConnection& connection);

    Task<Result> run();

    bool may_reuse() const { return reusable_; } // the backend's connection, after `finished`
    // Returns true if the client has not sent the whole body, or the backend does not take it.
    bool is_upload_incomplete() const { return exchange_.framing_.has_body() && (!request_done_ || request_broken_); }
    // How long the backend says that it keeps an idle connection; unset if it does not say.
    std::optional<std::chrono::seconds> idle_timeout_of_backend() const { return backend_idle_timeout_; }
    // The time until which this last waited for the backend. The response did not end before then; it may have ended
    // long ago if the client reads slowly.
    TimePoint last_heard() const { return last_heard_; }
    const Failure& failure() const { return failure_; } // after any result but `finished`
    std::string offending() const;                      // the bytes that caused the failure, escaped; empty if none did

private:
    enum class Step { blocked, moved, over };

    Step step();
    Step push_request();
    void drop_upload();
    bool give_up_request();
    Step read_answer();
    Step take_head();
    Step pass_interim(const ResponseHead& head);
    Step begin_answer(const ResponseHead& head);
    Step flush_interim();
    Step pull_response();
    Step finish_response();
    Step end(Result result, const Failure& failure, std::string_view offending = {});
    bool has_begun() const;
    Result on_timeout();
    Result fail(Result result, const Failure& failure);
    enum class Due { none, client, backend }; // the peer that must act next

    Due due_from() const;
    void set_deadline();
    bool has_been_read();
    void yield();
    Task<Result> tunnel();

    Exchange& exchange_;
    Client& client_;
    BackendConnection& backend_;
    BodyForwarder request_;
    const std::size_t request_head_size_;
    std::optional<BodyForwarder> response_;
    Buffer head_; // heads that are being sent to the client
    Result result_ = Result::finished;
    Failure failure_;
    std::string_view offending_; // in a buffer of one of the two connections
    std::size_t offending_at_ = 0;
    const TimePoint began_;
    bool request_done_ = false, request_broken_ = false; // broken: the backend takes no more, but may still answer
    bool reusable_ = false, backend_keeps_ = false, switched_ = false;
    bool awaits_continue_;         // the client may be waiting for the backend's 100
    bool follows_interim_ = false; // the final head is queued behind an interim one that may be half sent
    std::optional<std::chrono::seconds> backend_idle_timeout_;
    TimePoint last_heard_{};
    std::uint8_t interim_ = 0; // 1xx responses so far
    std::uint64_t progress_ = 0;
    std::uint64_t window_start_ = 0; // progress_ when the current deadline was set
    std::uint64_t answered_ = 0;     // what the response had moved at that time
    std::size_t unacked_bytes_ = 0;  // bytes that the client had not acknowledged at that time
    Due due_ = Due::none;
    bool yielded_ = false;
    HeadScan scan_;
};

} // namespace weir::proxy::http
