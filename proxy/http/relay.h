// Passes a request to one backend and its response to the client, both ways at once, until both have ended.
//
// Thread: one worker's thread.
// Lifetime: lives within one try of an exchange.
#pragma once

#include "proxy/http/body_pump.h"
#include "proxy/http/exchange.h"

#include <optional>

namespace weir::proxy::http {

class Relay {
public:
    enum class Result {
        finished,    // the response has gone out whole
        no_answer,   // the backend closed or broke off before it answered
        bad_answer,  // it answered something that is not HTTP
        slow_answer, // it did not answer in time
        slow_client, // the client did not send its body in time
        bad_body,    // the client's body is malformed
        large_body,  // the client's body is over the limit
        client_gone,
        cut_off,    // the response had begun and the backend does not complete it
        broken_off, // likewise, and the backend is not to blame
    };

    Relay(Exchange& exchange, BackendConnection& connection);

    Task<Result> run();

    bool may_reuse() const { return reusable_; } // the backend's connection, after `finished`

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
    Step end(Result result);
    Result on_timeout() const;
    enum class Due { nobody, client, backend }; // whose move it is

    Due due_from() const;
    void set_deadline();
    bool has_been_read();
    void yield();
    Task<Result> tunnel();

    Exchange& exchange_;
    ClientSide& client_;
    BackendConnection& backend_;
    BodyPump request_;
    const std::size_t request_head_size_;
    std::optional<BodyPump> response_;
    Buffer head_; // heads on their way to the client
    Result result_ = Result::finished;
    bool request_done_ = false, request_broken_ = false; // broken: the backend takes no more, its answer may still come
    bool reusable_ = false, backend_keeps_ = false, switched_ = false;
    std::uint8_t interim_ = 0; // 1xx responses so far
    std::uint64_t progress_ = 0;
    std::uint64_t window_start_ = 0; // progress_ when the time of whoever is due began
    std::uint64_t answered_ = 0;     // what the response had moved then
    std::size_t untaken_ = 0;        // bytes that the client had not taken then
    Due due_ = Due::nobody;
    bool yielded_ = false;
    HeadScan scan_;
};

} // namespace weir::proxy::http
