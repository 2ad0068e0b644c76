// The credentials of the Basic scheme in an Authorization field (RFC 7617).
//
// Thread: pure function.
// Lifetime: the result owns its texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy::auth {

struct BasicCredentials {
    std::string user, password;
    bool operator==(const BasicCredentials&) const = default;
};

// Returns the credentials in the value of an Authorization field; unset if it has another scheme, is not valid base64,
// or has no colon or a control character. Its cost is linear in the length.
std::optional<BasicCredentials> parse_basic(std::string_view value);

} // namespace weir::proxy::auth
