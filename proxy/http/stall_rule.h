// Decides how long weir waits during an attempt for the peer that must act next, and what renews the wait.
//
// Any byte of the response, or of the request that the backend takes, renews the wait for a backend. A client must move
// more: with one byte at a time it could hold a connection forever.
//
// Thread: values; no clock and no I/O.
// Lifetime: lives in its attempt.
#pragma once

#include "conf/model/config.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace weir::proxy::http {

enum class Due { none, client, backend }; // the peer that must act next
enum class Answer { awaited, begun };     // begun: the head of the final response has arrived

// How far an attempt has come.
struct Progress {
    Due due;
    Answer answer;
    std::uint64_t total;    // grows whenever anything moved
    std::uint64_t response; // bytes of the response moved
};

class StallRule {
public:
    // `timeouts` must outlive this.
    explicit StallRule(const conf::Timeouts& timeouts) : timeouts_(timeouts) {}

    // Returns how long to wait from now on; unset if the current deadline remains.
    std::optional<conf::Duration> renew(const Progress& now);

    // Records how many bytes the client has not acknowledged when its deadline begins.
    void note_unacked(std::size_t bytes) { unacked_ = bytes; }
    // Returns true if the client has acknowledged enough since then. The kernel reports late that a client reads: only
    // after the client has taken a good part of the queued bytes.
    bool has_read(std::size_t unacked_now);

    Due due() const { return due_; } // at the last renewal

private:
    const conf::Timeouts& timeouts_;
    Due due_ = Due::none;
    std::uint64_t total_ = 0;    // when the current deadline was set
    std::uint64_t response_ = 0; // at the last call
    std::size_t unacked_ = 0;
};

} // namespace weir::proxy::http
