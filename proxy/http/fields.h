// The header fields that a proxy treats in a way of their own, by name.
//
// Thread: pure functions and values.
// Lifetime: a Field points into the buffer that its head was read from.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::proxy::http {

enum class FieldId : std::uint8_t {
    other,
    host,
    content_length,
    transfer_encoding,
    connection,
    keep_alive,
    proxy_connection,
    te,
    trailer,
    upgrade,
    http2_settings,
    expect,
    cookie,
    proxy, // never legitimate; CGI programs take it for an environment variable
    forwarded,
    x_forwarded_for,
    x_forwarded_proto,
    x_forwarded_host,
    x_forwarded_other, // any other X-Forwarded-*
    x_real_ip,
    referer,
    user_agent,
};

struct Field {
    std::string_view name, value;
    FieldId id = FieldId::other;
};

FieldId identify(std::string_view name);

// The same with '_' read as '-': some backends cannot tell the two apart, so Content_Length must not pass as harmless.
FieldId identify_alias(std::string_view name);

} // namespace weir::proxy::http
