// Decides when to ask a silent backend whether it is alive, by PING (RFC 9113 section 6.7).
//
// Servers count PINGs as abuse that come more often than they allow: gRPC allows one in five minutes while no data
// flows. So a backend is asked once it has been silent for a while although requests wait, and then not again for that
// time unless it has sent data. Without requests, it is never asked.
//
// Thread: pure logic; one at a time.
// Lifetime: a value of its connection.
#pragma once

#include "proxy/io/timer_wheel.h"

#include <chrono>

namespace weir::proxy::http2 {

enum class PingAction { none, send, give_up }; // give_up: the backend has not answered in time

class PingRule {
public:
    static constexpr std::chrono::seconds silence{30}, patience{10};
    static constexpr std::chrono::minutes between{5};

    explicit PingRule(TimePoint now) : heard_(now) {}

    // Bytes have come from the backend, of whatever kind: it is alive.
    void on_bytes(TimePoint now) {
        heard_ = now;
        is_asked_ = false;
    }
    // It has sent a head or a part of a body, which makes servers forget earlier PINGs.
    void on_data() { has_asked_ = false; }
    // Requests have begun to wait, after a time without any.
    void on_busy(TimePoint now) { busy_since_ = now; }

    // Returns true if the backend has been asked and has not answered yet.
    bool is_asked() const { return is_asked_; }
    // Returns what to do now that requests wait. After `send`, the PING must be sent.
    PingAction act(TimePoint now);
    // Returns when to call act() again, while requests wait.
    TimePoint next() const;

private:
    TimePoint due() const;

    TimePoint heard_;
    TimePoint busy_since_{};
    TimePoint asked_{};                         // when the last PING was sent
    bool is_asked_ = false, has_asked_ = false; // the answer is awaited; data has not come since the last PING
};

} // namespace weir::proxy::http2
