// The heads that weir sends: always written anew from what was understood, hop-by-hop fields left out (RFC 9110
// section 7.6.1), framing stated once, X-Forwarded-* set.
//
// Thread: pure functions.
// Lifetime: nothing is kept.
#pragma once

#include "conf/config.h"
#include "proxy/http/framing.h"
#include "proxy/http/status.h"
#include "proxy/io/buffer.h"

#include <string_view>

namespace weir::proxy::http {

enum class Trust { untrusted, trusted };

// What a Connection field says (RFC 9110 section 7.6.1), all its lines together.
struct ConnectionOptions {
    bool close = false, keep_alive = false, upgrade = false;
    bool names_fields = false; // something else stands there: names of fields that end at this hop
};

ConnectionOptions connection_options(const std::vector<Field>& fields);

// Where a request came from.
struct ClientFacts {
    std::string_view ip;       // of the peer
    Trust trust;               // whether the peer's X-Forwarded-* are believed
    std::string_view protocol; // "http"
    Connection to_backend = Connection::keep;
};

// The protocol that a request asks to switch to, empty where it asks for none that weir would tunnel.
std::string_view requested_upgrade(const RequestHead& head, const ConnectionOptions& options, const Framing& framing);

void write_request(Buffer& out, const RequestHead& head, const Framing& framing, const ClientFacts& client,
                   std::string_view upgrade, const conf::HeaderEdit& edit);

// How a response goes on to the client.
struct ResponsePlan {
    Framing framing; // what the client is told; until_close says nothing
    int client_minor = 1;
    Connection connection = Connection::keep;
    std::string_view upgrade{}; // set with 101 alone
    std::string_view cookie{};  // to set
};

void write_response(Buffer& out, const ResponseHead& head, const ResponsePlan& plan);

} // namespace weir::proxy::http
