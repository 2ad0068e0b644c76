// What one worker counts about the HTTP/2 connections of one listener.
//
// Thread: one writer; any thread may read.
// Lifetime: a part of the listener's counters.
#pragma once

#include "balancer/counter.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::proxy {

// The error codes of RFC 9113 section 7, in order, and one word for all others.
inline constexpr std::array<std::string_view, 15> http2_error_words{
    "no_error",
    "protocol_error",
    "internal_error",
    "flow_control_error",
    "settings_timeout",
    "stream_closed",
    "frame_size_error",
    "refused_stream",
    "cancel",
    "compression_error",
    "connect_error",
    "enhance_your_calm",
    "inadequate_security",
    "http_1_1_required",
    "unknown",
};

enum class ResetBy : std::uint8_t { client, weir };

class Http2Counters {
public:
    // One counter for each of http2_error_words, so that clients cannot make weir keep more.
    class ByError {
    public:
        void add(std::uint32_t error_code) { counters_[std::min<std::size_t>(error_code, counters_.size() - 1)].add(); }
        std::uint64_t read(std::size_t word) const { return counters_[word].read(); }

    private:
        std::array<balancer::Counter, http2_error_words.size()> counters_;
    };

    // The connection speaks HTTP/2: by ALPN, or it has sent the preface.
    void on_connection_opened() {
        connections_.add();
        active_connections_.add();
    }
    void on_connection_closed() { active_connections_.subtract(); }
    // A request has begun, whether it is legal or not.
    void on_stream_opened() {
        streams_.add();
        active_streams_.add();
    }
    // Called once for each opened stream, however it ends, and before on_connection_closed().
    void on_stream_closed() { active_streams_.subtract(); }
    // A RST_STREAM was received, or is sent.
    void on_reset(ResetBy by, std::uint32_t error_code) {
        (by == ResetBy::client ? resets_by_client_ : resets_by_weir_).add(error_code);
    }
    // A GOAWAY is sent that says why the connection ends. The first one of an orderly end in two steps does not count.
    void on_goaway(std::uint32_t error_code) { goaways_.add(error_code); }

    std::uint64_t connections() const { return connections_.read(); }
    std::uint64_t active_connections() const { return active_connections_.read(); }
    std::uint64_t streams() const { return streams_.read(); }
    std::uint64_t active_streams() const { return active_streams_.read(); }
    const ByError& resets(ResetBy by) const { return by == ResetBy::client ? resets_by_client_ : resets_by_weir_; }
    const ByError& goaways() const { return goaways_; }

private:
    balancer::Counter connections_, active_connections_, streams_, active_streams_;
    ByError resets_by_client_, resets_by_weir_, goaways_;
};

} // namespace weir::proxy
