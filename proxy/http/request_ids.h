// The ids that find a request in the logs of all programs that serve it: X-Request-Id, and the trace id of traceparent
// (W3C Trace Context).
//
// Thread: one worker's thread. Making ids is pure: time and random numbers are arguments.
// Lifetime: the ids of a client point into its request, which must outlive them.
#pragma once

#include "proxy/http/incoming_request.h"
#include "proxy/log/access_line.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace weir::proxy::http {

using UuidText = std::array<char, 36>;
using TraceparentText = std::array<char, 55>;

// Returns a UUID of version 7 (RFC 9562 section 5.7), which sorts by time.
UuidText make_uuid_v7(std::chrono::milliseconds unix_time, std::uint64_t random_a, std::uint64_t random_b);

// Returns a traceparent that starts a trace, with the flag "sampled" (W3C Trace Context section 3.2). `trace` and
// `parent` are random.
TraceparentText make_traceparent(const std::array<std::uint64_t, 2>& trace, std::uint64_t parent);

// Returns true if weir passes on a proxy's X-Request-Id: 1 to 128 letters, digits and "-_.~+/=:@,".
bool is_request_id(std::string_view text);
// Returns true if a text is a traceparent of this or a later version.
bool is_traceparent(std::string_view text);

class RequestIds {
public:
    RequestIds() = default;
    RequestIds(const RequestIds&) = delete; // the views point into it
    RequestIds& operator=(const RequestIds&) = delete;

    // Finds or makes the ids that the listener and the route of a request need.
    void assign(const IncomingRequest& incoming, const RequestHead& head, Random& random);

    log::RequestIdTexts texts() const { return {request_, trace_}; }
    // Returns the traceparent to send to the backend; empty: the client's own.
    std::string_view new_traceparent() const { return new_traceparent_; }

private:
    UuidText uuid_{};
    TraceparentText traceparent_{};
    std::string_view request_, trace_, new_traceparent_;
};

} // namespace weir::proxy::http
