// Reads what it can from a head that is not a legal request: method, target and host. The result is used for the logs
// only; weir never acts on it.
//
// Thread: pure function.
// Lifetime: the result points into the bytes.
#pragma once

#include <string_view>

namespace weir::proxy::http {

struct RefusedRequest {
    std::string_view method; // empty if the first line does not begin with a method
    std::string_view target; // without a method, the whole first line
    std::string_view host, referer, user_agent;
    int minor_version = -1; // -1: there is no version
};

// Takes time linear in the number of bytes, whatever they are.
RefusedRequest read_refused_request(std::string_view bytes);

} // namespace weir::proxy::http
