// The header fields that a proxy handles specially, by name.
//
// Thread: pure functions and values.
// Lifetime: a Field points into the buffer that its head was read from.
#pragma once

#include <cstddef>
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
    proxy, // never legitimate; CGI programs would see it as the environment variable HTTP_PROXY
    forwarded,
    x_forwarded_for,
    x_forwarded_proto,
    x_forwarded_host,
    x_forwarded_other, // any other X-Forwarded-*
    x_real_ip,
    referer,
    user_agent,
    date,
};

struct Field {
    std::string_view name, value;
    FieldId id = FieldId::other;
};

// Returns the line that a parsed field was read from, with its CRLF, if it has the usual form: one space after the
// colon and no whitespace after the value. Otherwise returns an empty text.
inline std::string_view usual_line(const Field& field) {
    const char* const colon = field.name.data() + field.name.size();
    const char* const end = field.value.data() + field.value.size();
    if (field.value.data() != colon + 2 || colon[1] != ' ' || end[0] != '\r') return {};
    return {field.name.data(), static_cast<std::size_t>(end + 2 - field.name.data())};
}

// Returns the id of a field name, compared case-insensitively.
FieldId identify(std::string_view name);

// Identifies a name as CGI and WSGI do, which pass HTTP_CONTENT_LENGTH for Content_Length and Content.Length as well:
// see fold_name().
FieldId identify_alias(std::string_view name);

// A set of FieldIds.
class FieldIds {
public:
    void insert(FieldId id) { bits_ |= bit(id); }
    bool contains(FieldId id) const { return bits_ & bit(id); }

private:
    static std::uint32_t bit(FieldId id) { return std::uint32_t{1} << static_cast<unsigned>(id); }

    std::uint32_t bits_ = 0;
};

} // namespace weir::proxy::http
