// What follows from the head of a request and the configuration alone: whether weir forwards the request, to which
// pool, and how.
//
// Thread: one worker's thread; apart from limits, a pure function and values.
// Lifetime: a plan points into the head's bytes and into the snapshot.
#pragma once

#include "proxy/http/compression.h"
#include "proxy/http/rewrite.h"
#include "proxy/http/router.h"
#include "proxy/http1/framing.h"
#include "proxy/io/timer_wheel.h"
#include "proxy/limits/concurrency_limiter.h"
#include "proxy/log/failure_reason.h"
#include "tls/client_identity.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weir::proxy::http {

enum class ContinueWish { none, may_wait }; // may_wait: the client may wait for 100 before it sends the body
enum class Idempotence { none, idempotent };
enum class BodyDelivery { streamed, stored }; // stored: weir receives the whole body before a backend gets the request

// Where a request is redirected to: "https://" + host + path.
struct HttpsRedirect {
    std::string_view host; // empty: the request is not redirected
    std::string_view path;
};

// The path of a request with its query, if it is not forwarded as it was received.
struct ChangedPath {
    std::string normal;
    std::string rewritten; // after the route's rewrite; empty: not rewritten
    std::string_view forwarded() const { return rewritten.empty() ? normal : rewritten; }
};

struct RequestPlan {
    Failure refusal;        // the reason for an error response; empty: there is none
    HttpsRedirect redirect; // the listener redirects to https
    Framing framing;
    AnswerTo answer_to = AnswerTo::other;
    Connection connection = Connection::keep; // what the client asks for; close if its bytes cannot be read further
    // The rest is set only if there is neither a refusal nor a redirect to https.
    RouteChoice route;
    std::uint64_t body_limit = 0;        // bytes; 0: no limit
    limits::ConcurrencySeat seat{};      // held until the request has ended, even if it is refused
    std::chrono::seconds retry_after{0}; // with a refusal: when the client may come again; 0: not known
    Idempotence idempotence = Idempotence::none;
    ContinueWish continue_wish = ContinueWish::none;
    BodyDelivery delivery = BodyDelivery::streamed;
    RequestedCompression compression{};
    std::string_view upgrade{};                        // the protocol that the client asks for; empty if there is none
    std::string_view received_path{};                  // with the query
    std::unique_ptr<const ChangedPath> changed_path{}; // null: it is forwarded as it was received

    // Return the path with its query in its normal form, and as it is forwarded.
    std::string_view normal_path() const { return changed_path ? changed_path->normal : received_path; }
    std::string_view forwarded_path() const { return changed_path ? changed_path->forwarded() : received_path; }
};

// Returns true if a method may be executed twice (RFC 9110 section 9.2.2).
bool is_idempotent(std::string_view method);

// The client of a request.
struct RequestClient {
    const tls::ClientIdentity* identity; // of its connection; null: the client was not asked for a certificate
    Trust trust;                         // whether the peer's X-Forwarded-* fields are believed
    const conf::Address& address;        // unset: not known
    std::size_t worker;                  // index of the worker that serves it
    Random& random;                      // the worker's
    TimePoint now;
};

// Returns the plan for a request that was received through `listener` of `snapshot`.
RequestPlan plan_request(const RequestHead& head, const Snapshot& snapshot, const ListenerSpec& listener,
                         const RequestClient& client);

} // namespace weir::proxy::http
