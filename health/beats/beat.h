// Heartbeats that backends push to weir: their contents, their signature, and the check against replays.
//
// A heartbeat is signed with HMAC-SHA256 under the pool's token, over these lines, each ended by a line feed: pool,
// backend, sequence, time, weight (0: not specified), drain (0 or 1). The signature is in lower-case hex.
//
// Thread: values, used by one thread at a time; clocks are arguments.
// Lifetime: values that own what they hold.
#pragma once

#include "base/clock.h"
#include "conf/model/units.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weir::health {

struct Beat {
    std::string pool, backend;
    std::uint64_t sequence = 0; // rises with every heartbeat of a backend
    std::int64_t time_ms = 0;   // Unix milliseconds by the sender's clock
    std::uint32_t weight = 0;   // the weight that the backend asks for; 0: the configured weight
    bool drain = false;         // the backend asks for no new clients
};

// Returns the date and time in Unix milliseconds, the unit of `time_ms`.
std::int64_t wall_ms(const Clock& clock);

// A token that has been prepared for signing. It is kept because the preparation costs more than a signature.
class BeatKey {
public:
    // Throws std::runtime_error if OpenSSL has no HMAC-SHA256.
    explicit BeatKey(std::string token);
    ~BeatKey();
    BeatKey(BeatKey&&) noexcept;
    BeatKey& operator=(BeatKey&&) noexcept;

    // Returns the signature in lower-case hex.
    std::string sign(const Beat& beat) const;
    // Returns whether the signature is valid; compares in constant time.
    bool has_signed(const Beat& beat, std::string_view signature) const;

    bool operator==(const BeatKey& other) const { return token_ == other.token_; }

private:
    struct Context;
    std::string token_;
    std::unique_ptr<Context> context_;
};

// Rejects replayed and delayed heartbeats of one backend. Clock jumps on either machine do no harm: the first heartbeat
// is checked against this machine's clock, and every later one against the time that has passed since. The first
// heartbeat must have been sent after the guard was created, because earlier heartbeats may be replays.
class ReplayGuard {
public:
    using Steady = std::chrono::steady_clock::time_point;
    explicit ReplayGuard(Steady now) : began_(now) {}
    static constexpr std::chrono::milliseconds tolerance{60'000};

    enum class Answer { accepted, replayed, off_time };

    // Checks one heartbeat and, if it is accepted, records it. `wall_ms` is the time by this machine's wall clock,
    // `now` by its monotonic clock.
    Answer take(const Beat& beat, Steady now, std::int64_t wall_ms);

    std::uint64_t last_sequence() const { return last_sequence_; }
    // Returns whether every heartbeat seen so far is too old to be replayed, so that the guard may be discarded.
    bool is_spent(Steady now) const { return now - std::max(began_, last_) > 3 * tolerance; }
    // Returns the `time_ms` that a heartbeat sent now should have. A sender whose clock differs can continue from it.
    std::int64_t expected_ms(Steady now, std::int64_t wall_ms) const;

private:
    Steady began_, last_{}; // `last_` is when a heartbeat was last accepted
    bool known_ = false;
    std::uint64_t last_sequence_ = 0;
    std::int64_t first_ms_ = 0; // the time in the first heartbeat
    Steady first_{};            // when the first heartbeat arrived
};

} // namespace weir::health
