// Parses request and response heads (RFC 9112 sections 2 to 5). Input that two parsers could read differently is
// refused. Requests are parsed strictly. Responses may hold control bytes in values, which are not forwarded. Nothing
// is copied: heads point into the bytes that they were read from.
//
// Thread: pure functions and values.
// Lifetime: the bytes must outlive the head and must not move.
#pragma once

#include "proxy/http1/fields.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::proxy::http {

struct HeadLimits {
    std::size_t size = 16 * 1024; // bytes of the whole head
    std::size_t count = 100;      // fields
};

// The configuration allows no more fields than this, regardless of HeadLimits.
inline constexpr std::size_t max_field_count = 1000;

enum class HeadStatus { incomplete, complete, refused };

struct HeadResult {
    HeadStatus status;
    int code = 0;            // for a refused request: the status of the response (400, 405, 414, 431, 501, 505)
    const char* reason = ""; // for the log
    std::size_t at = 0;      // offset of the error, if known
};

struct RequestHead {
    std::string_view method;
    std::string_view target;    // as it was sent, for the log
    std::string_view authority; // from an absolute target, otherwise from Host
    std::string_view path;      // with the query; "*" for OPTIONS *; may be empty or begin with '?' in absolute form
    int minor_version = 1;
    std::vector<Field> fields;
    std::size_t length = 0; // bytes, including the empty line

    // Returns the value of the first field with this id; empty if there is none.
    std::string_view find(FieldId id) const;
    // Returns the value of the only field of this name; empty if there is none or more than one.
    std::string_view find_only(std::string_view name) const;
};

struct ResponseHead {
    int status = 0;
    std::string_view reason;
    int minor_version = 1;
    bool has_controls = false; // the reason or a value has control bytes, which must not be forwarded
    std::vector<Field> fields;
    std::size_t length = 0;

    std::string_view find(FieldId id) const;
};

// How many bytes of an incomplete head have been scanned, so that a head in many small pieces is scanned only once.
struct HeadScan {
    std::size_t seen = 0;
};

// Parses the head at the front of `bytes`. `incomplete` means that there is no error so far: call it again with the
// same bytes followed by more, and with the same `scan`.
HeadResult parse_request(std::string_view bytes, const HeadLimits& limits, RequestHead& head, HeadScan& scan);
HeadResult parse_response(std::string_view bytes, const HeadLimits& limits, ResponseHead& head, HeadScan& scan);

inline HeadResult parse_request(std::string_view bytes, const HeadLimits& limits, RequestHead& head) {
    HeadScan scan;
    return parse_request(bytes, limits, head, scan);
}
inline HeadResult parse_response(std::string_view bytes, const HeadLimits& limits, ResponseHead& head) {
    HeadScan scan;
    return parse_response(bytes, limits, head, scan);
}

// Returns the host without the port. The case is not changed.
std::string_view host_of(std::string_view authority);

// Returns a host without the trailing dot of the root: "example.com." and "example.com" are the same.
std::string_view without_root(std::string_view host);

} // namespace weir::proxy::http
