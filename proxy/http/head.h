// Request and response heads, read strictly (RFC 9112 sections 2 to 5): what two parsers could read in two ways is
// refused. Nothing here copies: heads point into the bytes that they were read from.
//
// Thread: pure functions and values.
// Lifetime: the bytes must outlive the head, unmoved.
#pragma once

#include "proxy/http/fields.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::proxy::http {

struct HeadLimits {
    std::size_t size = 16 * 1024; // bytes of the whole head
    std::size_t count = 100;      // fields
};

enum class HeadStatus { incomplete, complete, refused };

struct HeadResult {
    HeadStatus status;
    int code = 0;         // where a request is refused: the status to answer with (400, 405, 414, 431, 501, 505)
    const char* why = ""; // for the log
};

struct RequestHead {
    std::string_view method;
    std::string_view target;    // as it was sent, for the log
    std::string_view authority; // from the target if that is absolute, otherwise from Host
    std::string_view path;      // with the query; "*" for OPTIONS *; may be empty or begin with '?' in absolute form
    int minor_version = 1;
    std::vector<Field> fields;
    std::size_t length = 0; // bytes, with the empty line

    // One field's value; empty where there is none. The first, of several.
    std::string_view find(FieldId id) const;
};

struct ResponseHead {
    int status = 0;
    std::string_view reason;
    int minor_version = 1;
    std::vector<Field> fields;
    std::size_t length = 0;

    std::string_view find(FieldId id) const;
};

// How many bytes of a head that is still coming have been looked at: one that drips in is read once, not once a drop.
struct HeadScan {
    std::size_t seen = 0;
};

// Reads the head at the front of `bytes`. `incomplete` promises that nothing so far is wrong; the same bytes and more
// may follow then, with the same `scan`.
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

// What stands between "Host:" and the path for routing: lower-cased by the caller, without the port.
std::string_view host_of(std::string_view authority);

} // namespace weir::proxy::http
