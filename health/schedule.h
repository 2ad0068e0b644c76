// When the next probe starts. Jitter keeps many backends, and many machines, from being probed in step; it only ever
// shortens a wait, so that a dead backend is out within interval × fall + timeout whatever the dice say.
//
// Thread: pure functions; randomness is an argument.
// Lifetime: none.
#pragma once

#include <chrono>

namespace weir::health {

using Milliseconds = std::chrono::milliseconds;

// `dice` is from 0 to 1.

// Before the first probe: anywhere within the interval, but soon after a start.
Milliseconds first_delay(Milliseconds interval, double dice);

// From the start of one probe to the start of the next: 90 % to 100 % of the interval.
Milliseconds next_delay(Milliseconds interval, double dice);

} // namespace weir::health
