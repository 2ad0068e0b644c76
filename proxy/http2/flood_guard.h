// Recognizes a peer that makes weir work without asking for anything: floods of frames that cost little to send, such
// as SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA, unknown types and resets (CVE-2019-9512 to 9518,
// CVE-2023-44487, CVE-2025-8671).
//
// It reads the headers of all frames by itself, since the library does not report frames that it ignores. Every such
// frame costs a credit. Credits come back with time and with requests that end well. The bytes that weir sends pay for
// the WINDOW_UPDATEs and PINGs that answer them, however late and however many come at once. So honest clients, however
// busy, stay far from the limit.
//
// Thread: pure logic; one at a time.
// Lifetime: a value of its connection.
#pragma once

#include "proxy/io/timer_wheel.h"

#include <chrono>
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
    // A head had so many fields beyond the limit. A few bytes can stand for many fields that are large when decoded.
    void on_useless_fields(std::size_t fields) { spend(static_cast<std::int64_t>(fields / useless_fields_per_credit)); }
    // A request has got its whole response.
    void on_request_done() { earn(request_credit); }
    // A DATA frame with so many bytes was sent: the peer may answer it with WINDOW_UPDATEs, and with PINGs that measure
    // the round trip.
    void on_data_sent(std::size_t bytes) { answers_ += least_answers + bytes / bytes_per_answer; }

    // Returns true once the peer has spent all its credit: the connection should be closed with ENHANCE_YOUR_CALM. A
    // peer that has done so does not get its credit back.
    bool is_flood() const { return credit_ < 0; }

private:
    // The limits of resets: 667 at once, and 83 a second for ever. So a client may cancel all its streams several times
    // over, and many calls a second, but not make weir begin requests at the rate at which it can send them.
    static constexpr std::int64_t most_credit = 2000, reset_cost = 3;
    static constexpr std::size_t useless_fields_per_credit = 64;
    static constexpr std::int64_t stream_error_cost = 4, request_credit = 2;
    static constexpr std::chrono::milliseconds time_per_credit{4};
    // Some clients send two WINDOW_UPDATEs for every 4 KiB that they consume (Go's net/http), and some for every frame.
    static constexpr std::size_t least_answers = 3, bytes_per_answer = 512;

    void refill(TimePoint now);
    void spend(std::int64_t credit) { credit_ -= credit; }
    void earn(std::int64_t credit);
    std::size_t header_size() const;
    void on_frame();
    bool has_payload() const;

    TimePoint refilled_;
    std::int64_t credit_ = most_credit;
    std::uint64_t answers_ = 0;     // frames that the bytes that were sent have paid for
    std::size_t left_ = 0;          // bytes left of the payload of the current frame
    std::uint8_t header_[10];       // of a frame whose header has arrived in part; of padded DATA with Pad Length
    std::uint8_t header_bytes_ = 0; // of it so far
};

} // namespace weir::proxy::http2
