// What follows from the head of a request and the configuration alone: whether weir forwards the request, to which
// pool, and how.
//
// Thread: pure function and values.
// Lifetime: a plan points into the head's bytes and into the snapshot.
#pragma once

#include "proxy/http/rewrite.h"
#include "proxy/http/router.h"
#include "proxy/http1/framing.h"
#include "proxy/log/failure_reason.h"
#include "tls/client_identity.h"

#include <string>
#include <string_view>

namespace weir::proxy::http {

enum class ContinueWish { none, may_wait }; // may_wait: the client may wait for 100 before it sends the body
enum class Idempotence { none, idempotent };

// Where a request is redirected to: "https://" + host + path.
struct HttpsRedirect {
    std::string_view host; // empty: the request is not redirected
    std::string_view path;
};

struct RequestPlan {
    Failure refusal;        // why weir responds itself; empty if the request is forwarded or redirected
    HttpsRedirect redirect; // the listener redirects to https
    Framing framing;
    AnswerTo answer_to = AnswerTo::other;
    Connection connection = Connection::keep; // what the client asks for; close if its bytes cannot be read further
    // The rest is set only if the request is forwarded.
    RouteChoice route;
    Idempotence idempotence = Idempotence::none;
    ContinueWish continue_wish = ContinueWish::none;
    std::string_view upgrade{}; // the protocol that the client asks for; empty if there is none
    // Paths with their queries.
    std::string_view received_path{};
    std::string path{};           // in its normal form; empty: as it was received
    std::string rewritten_path{}; // as the route rewrites it; empty: it does not

    std::string_view normal_path() const { return path.empty() ? received_path : path; }
    std::string_view forwarded_path() const { return rewritten_path.empty() ? normal_path() : rewritten_path; }
};

// Returns true if a method may be executed twice (RFC 9110 section 9.2.2).
bool is_idempotent(std::string_view method);

// The client of a request.
struct RequestClient {
    const tls::ClientIdentity* identity; // of its connection; null: the client was not asked for a certificate
    Trust trust;                         // whether the peer's X-Forwarded-* fields are believed
    const conf::Address& address;
    std::size_t worker; // index of the worker that serves it
};

// Returns the plan for a request that was received through `listener` of `snapshot`.
RequestPlan plan_request(const RequestHead& head, const Snapshot& snapshot, const ListenerSpec& listener,
                         const RequestClient& client);

} // namespace weir::proxy::http
