// A request of weir's own to one backend, on behalf of a client: sends a head and perhaps a body, and receives the
// response, whose body is bounded.
//
//   idle connection ─→ talk ─→ answered: the connection is kept if it may carry another request
//         │ none         └─ stale: the kept connection was dead ─→ a new connection, once
//         └─→ connect ─→ talk
//
// It decides nothing: its user selects the backend, and judges and counts the outcome.
//
// Thread: one worker's thread.
// Lifetime: lives in a coroutine of its client; what the job refers to must outlive it.
#pragma once

#include "proxy/http/download.h"
#include "proxy/http1/framing.h"
#include "proxy/io/task.h"
#include "proxy/worker/backend_connector.h"

#include <string>
#include <string_view>

namespace weir::proxy::http {

enum class Resend { never, allowed }; // allowed: the request has no body, and may be executed twice
enum class ResponseUse { kept, discarded };

struct SubRequestJob {
    Client& client; // its coroutine runs the request; a client without a connection never leaves
    WorkerPool& pool;
    std::size_t member;           // of the pool, with a seat
    const conf::Address& address; // of the client, for a PROXY header
    Buffer& head;                 // as the backend gets it
    std::string_view body{};      // behind the head
    AnswerTo answer_to = AnswerTo::other;
    Resend resend = Resend::allowed;
    ResponseUse use = ResponseUse::kept;
    std::size_t max_body = 64 * 1024; // bytes of the response's body that are received, with their framing
    OnShortage on_shortage = OnShortage::wait;
    const conf::Limits& limits;
    TimePoint until; // deadline of the whole sub-request, including connecting
};

enum class SubRequestEnd {
    answered,      // the head is there, and the body unless it is too long
    no_connection, // a connection could not be obtained
    no_answer,     // the backend closed before its response
    bad_answer,    // the response is illegal or incomplete
    timed_out,     // the time is over; the head may be there
    aborted,       // the client has left, or weir has ended the request
};

struct SubResponse {
    SubRequestEnd end = SubRequestEnd::answered;
    Failure failure{};          // unless answered
    int status = 0;             // 0: there is no head
    std::string head{}, body{}; // if they are kept
    bool has_all_of_body = false;
};

class SubRequest {
public:
    explicit SubRequest(const SubRequestJob& job) : job_(job) {}
    SubRequest(const SubRequest&) = delete;
    SubRequest& operator=(const SubRequest&) = delete;

    // Runs the request to its end. Must be called once.
    Task<SubResponse> run();

private:
    class Talk;

    void keep(BackendConnectionPtr connection, const BackendKeepAlive& keep_alive) const;

    const SubRequestJob job_;
};

} // namespace weir::proxy::http
