// Makes the fields of an HTTP/2 response from the head of an HTTP/1.1 response that weir has written.
//
// Thread: pure functions and values.
// Lifetime: the fields point into the head's bytes.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

// Returns the status of a head that weir has written; 0 if it has none.
int status_of_head(std::string_view head);

// Replaces `fields` by those of the head, with :status first and names in lower case (RFC 9113 section 8.2), which
// changes the bytes of `head`. Leaves out fields that are specific to a connection (section 8.2.2). A 101 becomes the
// 200 of an extended CONNECT, without the fields of the WebSocket handshake (RFC 8441 section 5). Returns the status
// that is sent; 0 if the head has none.
int read_response_fields(std::span<char> head, std::vector<nghttp2_nv>& fields);

} // namespace weir::proxy::http2
