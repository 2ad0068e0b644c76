// Forwards a request to one backend and its response to the client, both ways at once, until both have ended.
//
//   upload      done: the backend has the whole request; broken: it takes no more, but may still respond
//   download    awaited: no final head yet; begun: the final head is being sent, or the body; reached: the client may
//               have a part of it
//
//   event                                    awaited        begun          reached
//   the response is whole                                   finished       finished
//   101 is whole                                            a tunnel       a tunnel
//   an HTTP/2 backend has not processed it   refused        -              -
//   the backend closes or fails              no_answer      bad_answer     cut_off
//   the backend's bytes are illegal          bad_answer     bad_answer     cut_off
//   the backend is silent for too long       slow_answer    cut_off        cut_off
//   the client's deadline passes             late           late           broken_off
//   weir closes the backend's connection     no_answer      no_answer      broken_off
//   the client leaves, or weir drains it     client_gone    client_gone    client_gone
//   the client reads too slowly                             client_gone    client_gone
//   the client sends its body too slowly     slow_client    broken_off     broken_off
//   the client's body is illegal             bad_body       bad_body       broken_off
//   the client's body is too large           large_body     large_body     broken_off
//   the stored body cannot be read           lost_body      lost_body      broken_off
//
// An error page can still be sent unless the state is `reached`, or an interim head is half sent. In the latter case
// the attempt ends as cut_off or broken_off.
//
// Thread: one worker's thread.
// Lifetime: lives within one try of an exchange.
#pragma once

#include "proxy/http/attempt_verdict.h"
#include "proxy/http/download.h"
#include "proxy/http/stall_rule.h"
#include "proxy/http/upload.h"
#include "proxy/io/task.h"
#include "proxy/log/access_line.h"

namespace weir::proxy::http {

// Events of an attempt that its exchange acts on at once.
class AttemptEvents {
public:
    // Called when the head of the final response has arrived. The request was sent at `asked`.
    virtual void on_answer_begun(TimePoint asked) = 0;
    // Called when the kernel has taken the whole request.
    virtual void on_upload_whole() = 0;
    // Called when the backend and the client have switched protocols.
    virtual void on_switched() = 0;
    // Called when the backend has ended the tunnel that followed a switch. The record has the reason.
    virtual void on_tunnel_failed() = 0;

protected:
    ~AttemptEvents() = default;
};

// What an attempt forwards, and where it reports to.
struct AttemptJob {
    Client& client;
    const RequestPlan& plan;
    BodyStore* body; // the stored body of the request; null: it comes from the client, or there is none
    const conf::Limits& limits;
    const conf::Timeouts& timeouts;
    Buffer& request_head;           // as the backend gets it; freed as soon as no other attempt can need it
    std::string_view cookie;        // value of Set-Cookie; empty if none is to be set
    const HeadEdit* edit;           // changes to the headers of the response; null: none
    const ResponseMapping* mapping; // of the backend's paths and cookies; null: none
    log::AccessRecord& record;      // receives the status and the byte counts
    Connection& connection;         // what the response says about the client's connection; set to close if it must end
    AttemptEvents& events;
    BodyTap* tap;                          // sees the body of the request; null: nothing does
    const TrailerFilter& request_trailers; // chooses what the backend gets of the request's trailer section
};

class ForwardAttempt {
public:
    ForwardAttempt(const AttemptJob& job, BackendConnection& backend);

    // Runs the attempt to its end and returns how it ended.
    Task<AttemptResult> run();

    // After `finished`: returns true if the backend's connection may carry another request.
    bool may_reuse() const;
    UploadEnd upload_end() const;
    // Returns how long the backend says that it keeps an idle connection; unset if it does not say.
    std::optional<std::chrono::seconds> idle_timeout_of_backend() const { return download_.keep_alive().timeout; }
    // Returns the time until which this last waited for the backend. The backend cannot have ended its response before
    // then, but it may have ended it long ago if the client reads slowly.
    TimePoint last_heard() const { return last_heard_; }
    // After `finished`: returns the trailer section of the response, as the backend has sent it (Download::trailers).
    std::string_view trailers() const { return switched_ ? std::string_view() : download_.trailers(); }
    const Failure& failure() const { return end_.failure; } // after any result but `finished`
    std::string offending() const;                          // the bytes that caused it, escaped; empty if none did

private:
    enum class Step { blocked, moved, over };

    // How the attempt ended.
    struct End {
        AttemptResult result = AttemptResult::finished;
        Failure failure{};
        std::string_view offending{}; // in a buffer of one of the two connections
        std::size_t offending_at = 0;
    };

    Step step();
    Step push_request();
    Failure closed(const IoResult& result) const;
    Step end_unanswered(const IoResult& result);
    Failure disk_failed() const;
    Step read_answer();
    Step take_head();
    Step begin_answer(const ResponseHead& head);
    Step flush_interim();
    Step pull_response();
    Step end(AttemptResult result, const Failure& failure, std::string_view offending = {}, std::size_t at = 0);
    bool has_been_woken_to_end();
    bool give_up_request();
    bool is_held_back();
    bool is_being_read();
    End timed_out() const;
    void set_deadline();
    void yield();
    void settle();
    Due due() const;
    Task<AttemptResult> tunnel();

    const AttemptJob job_;
    BackendConnection& backend_;
    Upload upload_;
    Download download_;
    StallRule stall_;
    End end_;
    const TimePoint began_;
    TimePoint last_heard_;
    std::uint64_t progress_ = 0; // grows whenever anything moved
    bool yielded_ = false;       // there may be more to do, after other connections had their turn
    bool switched_ = false;      // to another protocol
};

} // namespace weir::proxy::http
