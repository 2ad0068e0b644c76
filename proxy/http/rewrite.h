// Writes the heads that weir sends. Heads are always serialized from the parsed message: hop-by-hop fields are left out
// (RFC 9110 section 7.6.1), framing is stated once, and X-Forwarded-* fields are set.
//
// Thread: pure functions.
// Lifetime: the functions keep nothing.
#pragma once

#include "conf/model/config.h"
#include "conf/model/http_version.h"
#include "proxy/http/content_fields.h"
#include "proxy/http/variables.h"
#include "proxy/http1/framing.h"
#include "proxy/http1/status.h"
#include "proxy/http1/trust.h"
#include "proxy/io/buffer.h"
#include "proxy/snapshot/response_path_mapper.h"

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weir::proxy::http {

// The options of all Connection fields of a message (RFC 9110 section 7.6.1).
struct ConnectionOptions {
    bool close = false, keep_alive = false, upgrade = false;
    bool names_fields = false; // there are other options: names of fields that end at this hop
};

// Returns the options of all Connection fields among `fields`.
ConnectionOptions connection_options(const std::vector<Field>& fields);

enum class ExpectField { forwarded, left_out }; // left_out: weir has answered it, or nothing waits for it

// Where a request came from, and what is sent in place of its own words.
struct ClientFacts {
    std::string_view ip;       // of the peer
    Trust trust;               // whether the peer's X-Forwarded-* fields are believed
    std::string_view protocol; // "http"
    Connection to_backend = Connection::keep;
    std::string_view client{};                        // address of the client; empty if the peer is the client
    std::string_view host{};                          // the Host field to send; empty: the client's
    std::string_view path{};                          // to send, with the query; empty: that of the head
    std::string_view request_id{}, new_traceparent{}; // X-Request-Id and traceparent to send; empty: the client's
    std::string_view method{};                        // to send; empty: that of the head
    ExpectField expect = ExpectField::forwarded;
};

// What a client expects before it sends its body (RFC 9110 section 10.1.1), from all Expect fields.
enum class Expectation { none, go_ahead, unsupported }; // go_ahead: 100-continue

// Returns the expectation of a request: `unsupported` if any of its expectations is not 100-continue.
Expectation expectation_of(const std::vector<Field>& fields);

// Returns the protocol that a request asks to switch to; empty if weir would not tunnel it.
std::string_view requested_upgrade(const RequestHead& head, const ConnectionOptions& options, const Framing& framing);

// The changes that a route makes to the headers of a message.
struct HeadEdit {
    const conf::HeaderEdit& headers;
    RequestVariables variables;
};

// Fields of a request that take the place of the client's. Those that a route edits are left as the route says.
struct ReplacedFields {
    std::span<const std::string> names; // the client's fields that are left out, in any spelling of these names
    // What is sent instead, at most max_field_count; replaces weir's own, too.
    std::span<const std::pair<std::string, std::string>> fields;
};

// Appends to `out` the head of a request as it is sent to the backend. `out` grows if necessary. `edit` and `replaced`
// are null if there are no changes.
void write_request(Buffer& out, const RequestHead& head, const Framing& framing, const ClientFacts& client,
                   std::string_view upgrade, const HeadEdit* edit, const ReplacedFields* replaced = nullptr);

// How a response is forwarded to the client.
struct ResponsePlan {
    Framing framing; // what the response says to the client; until_close writes no field
    conf::HttpVersion client = conf::HttpVersion::http1_1;
    Connection connection = Connection::keep;
    std::string_view upgrade{};               // set with 101 only
    std::string_view cookie{};                // value of Set-Cookie; empty if none is to be set
    std::string_view date{};                  // added to a final response that has no Date
    const HeadEdit* edit = nullptr;           // changes to the headers of a final response; null: none
    const ContentChange* content = nullptr;   // what compression changes; null: nothing
    const ResponseMapping* mapping = nullptr; // of the backend's paths and cookies; null: none
};

// Appends to `out` the head of a response as it is sent to the client. `out` grows if necessary.
void write_response(Buffer& out, const ResponseHead& head, const ResponsePlan& plan);

} // namespace weir::proxy::http
