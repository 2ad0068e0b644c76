// Schedules probes. Jitter keeps many backends, and many machines, from being probed in step. Between probes jitter
// only shortens the wait, so that a dead backend is ejected within interval × fall + timeout. Between heartbeats it
// works in both directions: there a deadline decides when a backend is dead, and a responder that needs the whole
// interval for an answer must not be queried more often on average.
//
// Thread: pure functions; randomness is an argument.
// Lifetime: none.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir::health {

using Milliseconds = std::chrono::milliseconds;

// In all these functions, `jitter` is a random number from 0 to 1.

// Returns the delay before the first probe: anywhere within the interval, but at most a second.
Milliseconds first_delay(Milliseconds interval, double jitter);

// Returns the delay from the first probe to the second, with the same `jitter` as for the first. If the interval is
// long, first probes are clustered; this delay spreads their backends over the whole interval.
Milliseconds second_delay(Milliseconds interval, double jitter);

// Returns the delay from the start of one probe to the start of the next, 90 % to 100 % of the interval. `before` is
// the `jitter` of the previous probe: jitter does not add up, so evenly distributed backends stay so.
Milliseconds next_delay(Milliseconds interval, double before, double jitter);

// Returns the delay from the answer to one heartbeat to the next heartbeat, 95 % to 105 % of the interval.
Milliseconds heartbeat_delay(Milliseconds interval, double jitter);

// Returns the delay after one of the first heartbeats. All backends are queried within a second of the start; each of
// these delays moves a backend a little towards its position in the interval. After `spread_steps` of them, backends
// with evenly distributed phases are evenly distributed.
inline constexpr std::uint32_t spread_steps = 10;
Milliseconds spread_delay(Milliseconds interval, double phase);

} // namespace weir::health
