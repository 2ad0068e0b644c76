// Recognizes a peer that makes weir work without asking for anything: floods of frames that cost little to send, such
// as SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA, unknown types and resets (CVE-2019-9511 to 9518,
// CVE-2023-44487, CVE-2025-8671).
//
// It reads the headers of all frames by itself, since the library does not report frames that it ignores. Every such
// frame costs a credit. Credits come back with time, with requests that end well and with the bytes of bodies, so that
// honest clients, however busy, stay far from the limit.
//
// Thread: pure logic; one at a time.
// Lifetime: a value of its connection.
#pragma once

#include "proxy/io/timer_wheel.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::proxy::http2 {

class FloodGuard {
public:
    explicit FloodGuard(TimePoint now) : refilled_(now) {}

    // Reads the next bytes from the peer, whatever their boundaries, beginning behind the connection preface.
    void on_bytes(std::string_view bytes, TimePoint now);
    // weir has reset a stream or refused a request because of what the peer sent.
    void on_stream_error() { spend(stream_error_cost); }
    // A request has got its whole response.
    void on_request_done() { earn(request_credit); }
    // A DATA frame was sent: the peer may answer it with WINDOW_UPDATEs.
    void on_data_sent() { earn(data_credit); }

    // Returns true once the peer has spent all its credit: the connection should be closed with ENHANCE_YOUR_CALM.
    bool is_flood() const { return credit_ < 0; }

private:
    static constexpr std::int64_t most_credit = 2000, credit_per_second = 50;
    static constexpr std::int64_t stream_error_cost = 4, request_credit = 4, data_credit = 3;

    void spend(std::int64_t credit) { credit_ -= credit; }
    void earn(std::int64_t credit);
    void on_frame(std::uint8_t type, std::uint8_t flags, std::size_t length);

    TimePoint refilled_;
    std::int64_t credit_ = most_credit;
    std::size_t left_ = 0;          // bytes left of the payload of the current frame
    std::uint8_t header_[9];        // of a frame whose header has arrived in part
    std::uint8_t header_bytes_ = 0; // of it so far
};

} // namespace weir::proxy::http2
