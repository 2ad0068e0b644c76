// Formats one line of the access log: the combined format with one more field, or JSON.
//
// Thread: pure function; a LineClock belongs to one worker.
// Lifetime: a record points to the texts that it describes.
#pragma once

#include "conf/model/config.h"
#include "conf/model/http_version.h"
#include "proxy/log/failure_reason.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::proxy::log {

using Microseconds = std::chrono::microseconds;

// What a request says about itself. The texts are empty if they could not be read.
struct RequestTexts {
    std::string_view method;
    std::string_view target; // without a method, the whole first line
    std::string_view host, referer, user_agent;
    conf::HttpVersion version = conf::HttpVersion::http1_1;
};

// What served a request: names from the configuration. A name is empty if the request did not get that far.
struct ServingPath {
    std::string_view listener, route, pool, backend;
};

// The parameters that a TLS connection has negotiated; empty if the connection is plain.
struct TlsTexts {
    std::string_view version, cipher;
};

// What finds a request in the logs of other programs; empty if the request has no such id.
struct RequestIdTexts {
    std::string_view request, trace; // X-Request-Id; the trace id of traceparent
};

struct ByteCounts {
    std::uint64_t received = 0; // from the client, heads included
    std::uint64_t sent = 0;     // to the client, heads included
    std::uint64_t body = 0;     // part of `sent`: without heads and the framing of bodies
};

struct Durations {
    Microseconds took{0};                            // the whole request or TCP connection
    std::optional<Microseconds> connect, first_byte; // unset if the exchange did not get that far
};

// A request, or a whole TCP connection, as the access log and the error log describe it.
struct AccessRecord {
    std::string_view client, peer; // addresses; they differ if a trusted proxy names the client
    std::string_view user;         // who has authenticated; empty: nobody
    conf::Protocol protocol = conf::Protocol::http;
    TlsTexts tls;
    RequestTexts request;
    RequestIdTexts ids;
    ServingPath path;
    int status = 0;                   // of a TCP connection: 200, or the status that a request would have received
    std::optional<int> grpc_status{}; // of a call of gRPC, if it is known
    Failure failure;
    std::string offending; // escaped bytes that caused the failure; empty if no bytes did
    ByteCounts bytes;
    Durations durations;
    std::uint32_t retries = 0;
};

// The time of a line as text. Most of it is formatted only once a second.
class LineClock {
public:
    void update(std::chrono::system_clock::time_point now);
    std::string_view combined() const { return {combined_, 26}; } // "23/Nov/2026:11:38:00 +0000"
    std::string_view iso() const { return {iso_, 24}; }           // "2026-11-23T11:38:00.123Z"

private:
    std::int64_t second_ = -1;
    char combined_[32] = "", iso_[32] = "";
};

// Room for the longest line; texts from outside are truncated to fit.
inline constexpr std::size_t longest_line = 8 * 1024;

// Writes a line with its line end into `out`, which must hold `longest_line` bytes. Returns its length in bytes.
std::size_t format_line(std::span<char> out, const AccessRecord& record, const LineClock& clock,
                        conf::AccessFormat format);

} // namespace weir::proxy::log
