// The text of grpc-message: UTF-8, with percent-encoding.
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include <string>
#include <string_view>

namespace weir::proxy::grpc {

// Encodes a text for grpc-message: what is not printable ASCII, and "%", becomes "%XX". A text that is too long for a
// header is cut.
std::string encode_message(std::string_view text);

} // namespace weir::proxy::grpc
