// Asks the authentication service of a route whether a request is served: sends it the request's head, over as many
// backends of its pool as may be tried.
//
//   select a backend ─→ sub-request ─→ 2xx: allowed, with fields for the request
//     ↑  │ none                │  └─→ 3xx, 4xx: denied, with the response for the client
//     │  ↓                     │ failed
//     │ unavailable ←──────────┤ may not be tried again, or 5xx
//     └────────────────────────┘ may be tried again
//
// Thread: one worker's thread.
// Lifetime: lives in its exchange's coroutine; the constructor's arguments must outlive it.
#pragma once

#include "proxy/http/auth_fields.h"
#include "proxy/http/request_ids.h"
#include "proxy/http/sub_request.h"
#include "proxy/worker/backend_selection.h"

namespace weir::proxy::http {

struct AuthResult {
    AuthDecision decision = AuthDecision::unavailable;
    Failure failure{};      // of a request that is not served, unless it is denied
    CopiedFields copied{};  // of a request that is served
    SubResponse response{}; // to a request that is denied
};

class ForwardAuth {
public:
    // `record` is the log record of the request.
    ForwardAuth(Client& client, const IncomingRequest& incoming, const RequestIds& ids, const log::AccessRecord& record)
        : client_(client), incoming_(incoming), ids_(ids), record_(record),
          auth_(*incoming.route()->config.forward_auth),
          until_(std::min<TimePoint>(client.context.loop.now() + auth_.timeout, client.deadline)), selection_(client) {}

    // Returns the result. If the service is unavailable and the route says so, the request is served.
    Task<AuthResult> run();

private:
    // What to do after one backend was asked.
    enum class Next { finish, retry };

    Task<AuthResult> ask();
    void begin();
    void explain(Selection::Outcome outcome);
    Task<SubResponse> ask_backend(std::size_t member);
    void write_head(Buffer& out, std::size_t member);
    Next conclude(SubResponse response);
    Next try_again();
    void take_fields(std::string_view head);
    void blame();
    const PoolSpec& pool() const { return *selection_.pool().spec; }
    BackendLink& link() const { return selection_.pool().link(selection_.last()); }

    Client& client_;
    const IncomingRequest& incoming_;
    const RequestIds& ids_;
    const log::AccessRecord& record_;
    const conf::ForwardAuth& auth_;
    const TimePoint until_;
    BackendSelection selection_;
    AuthResult result_;
};

// Sends the client the response of a service that has denied its request. Sets the status of `record` and adds what
// was sent. `edit` has the route's changes to headers; null: none. Returns what to do with the client's connection:
// `connection`, or `close` if the client did not take it all.
Task<Connection> send_denial(Client& client, const SubResponse& response, const IncomingRequest& incoming,
                             Connection connection, const HeadEdit* edit, log::AccessRecord& record);

} // namespace weir::proxy::http
