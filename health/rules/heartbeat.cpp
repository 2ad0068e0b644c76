#include "health/rules/heartbeat.h"

#include "health/rules/schedule.h"

#include <algorithm>

namespace weir::health {
namespace {

// Long enough for a slow responder to show its pace, and for a responder that was suspended for a while to resume.
constexpr std::chrono::seconds min_wait(15);

} // namespace

// With `fall: 1`, an answer that arrives an interval after the last one could already be late, so such a backend is
// queried twice as often.
Heartbeat::Heartbeat(Duration interval, std::uint32_t fall, TimePoint now, double phase)
    : interval_(fall == 1 ? interval / 2 : interval), phase_(phase), silence_(interval * fall, now),
      next_(now + first_delay(interval_, phase)), asked_(next_) {}

Heartbeat::Duration Heartbeat::max_wait() const { return std::max<Duration>(2 * silence_.window(), min_wait); }

Silence::Sign Heartbeat::take_ok(TimePoint now, double jitter) {
    next_ = now + pause(jitter);
    return silence_.hear(now);
}

void Heartbeat::take_miss(TimePoint now, double jitter) {
    silence_.interrupt();
    next_ = now + pause(jitter); // a heartbeat that fails late counts as one miss
}

void Heartbeat::take_nothing(TimePoint now, double jitter) { ask_again(now, jitter); }

void Heartbeat::take_shortage(TimePoint now, double jitter) {
    silence_.excuse(now);
    ask_again(now, jitter);
}

// Schedules the next heartbeat after one without an answer. The pause counts from when that heartbeat was sent, which
// may be long ago.
void Heartbeat::ask_again(TimePoint now, double jitter) { next_ = std::max(now, asked_ + pause(jitter)); }

Heartbeat::Duration Heartbeat::pause(double jitter) {
    if (pauses_ == spread_steps) return heartbeat_delay(interval_, jitter);
    ++pauses_;
    return spread_delay(interval_, phase_);
}

} // namespace weir::health
