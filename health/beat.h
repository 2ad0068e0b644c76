// Beats that backends send by themselves: what one says, how it is signed, and which are to be believed.
//
// A beat is signed with HMAC-SHA256 under the pool's token, over these lines, each ended by a line feed: pool, backend,
// sequence, time, weight (0: says nothing), drain (0 or 1). The signature is in lower-case hex.
//
// Thread: values, one thread at a time; clocks are arguments.
// Lifetime: none.
#pragma once

#include "conf/units.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weir::health {

struct Beat {
    std::string pool, backend;
    std::uint64_t sequence = 0; // rises with every beat of a backend
    std::int64_t time_ms = 0;   // the sender's clock
    std::uint32_t weight = 0;   // that the backend wants; 0: as the file says
    bool drain = false;         // it wants no new clients
};

// What this machine's clock says, as beats tell it.
std::int64_t wall_ms();

// A token, ready to sign with: preparing it costs more than a signature.
class BeatKey {
public:
    explicit BeatKey(std::string token);
    ~BeatKey();
    BeatKey(BeatKey&&) noexcept;
    BeatKey& operator=(BeatKey&&) noexcept;

    std::string sign(const Beat& beat) const;
    // Compares in constant time.
    bool has_signed(const Beat& beat, std::string_view signature) const;

    bool operator==(const BeatKey& other) const { return token_ == other.token_; }

private:
    struct Context;
    std::string token_;
    std::unique_ptr<Context> context_;
};

// What is remembered of one backend's beats. Whoever replays an old beat, or holds one back for later, is refused; a
// clock that jumps, here or there, does no harm: the first beat is judged by this machine's clock, every later one by
// the time that has passed since. The first one must be newer than the ledger: nobody knows what came before that.
class BeatLedger {
public:
    using Steady = std::chrono::steady_clock::time_point;
    explicit BeatLedger(Steady now) : began_(now) {}
    static constexpr std::chrono::milliseconds tolerance{60'000};

    enum class Answer { accepted, replayed, off_time };

    // `wall_ms` is this machine's clock, `now` its monotonic one.
    Answer take(const Beat& beat, Steady now, std::int64_t wall_ms);

    std::uint64_t last_sequence() const { return last_sequence_; }
    // Whether no beat that it has seen could be replayed any more: it may be forgotten.
    bool is_spent(Steady now) const { return now - std::max(began_, last_) > 3 * tolerance; }
    // What a beat's time should be now: a sender whose clock is another goes on from there.
    std::int64_t expected_ms(Steady now, std::int64_t wall_ms) const;

private:
    Steady began_, last_{}; // the last: when a beat was accepted
    bool known_ = false;
    std::uint64_t last_sequence_ = 0;
    std::int64_t first_ms_ = 0; // the time that the first beat told, and when that was
    Steady first_{};
};

} // namespace weir::health
