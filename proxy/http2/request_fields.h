// Makes the fields of an HTTP/2 request from the head of an HTTP/1.1 request that weir has written for a backend.
//
// Thread: pure functions and values.
// Lifetime: the fields point into the head's bytes.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

// What the HTTP/2 form of a request is.
enum class RequestForm {
    plain,
    websocket, // an extended CONNECT (RFC 8441)
    none,      // the head has no form in HTTP/2
};

struct RequestFields {
    RequestForm form = RequestForm::none;
    std::string_view websocket_key{}; // of the HTTP/1.1 handshake, which an extended CONNECT does without
};

// Replaces `fields` by those of the head, pseudo-fields first and names in lower case (RFC 9113 section 8.3.1), which
// changes the bytes of `head`. Leaves out fields that are specific to a connection. A request to switch to WebSocket
// becomes an extended CONNECT; any other Upgrade is left out, which the client must expect (RFC 9110 section 7.8).
//
// The fields with secrets are never indexed (RFC 7541 section 7.1.3): one connection carries requests of many clients.
RequestFields read_request_fields(std::span<char> head, std::string_view scheme, std::vector<nghttp2_nv>& fields);

} // namespace weir::proxy::http2
