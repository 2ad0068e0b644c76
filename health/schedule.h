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

// From the first probe to the second, by the same dice as before the first: where the interval is long, first probes
// come in a cluster, and this spreads their backends over the whole of it.
Milliseconds second_delay(Milliseconds interval, double dice);

// From the start of one probe to the start of the next, 90 % to 100 % of the interval. `before` is the dice of the last
// one: jitter does not add up, so that backends that lie evenly go on to do so.
Milliseconds next_delay(Milliseconds interval, double before, double dice);

} // namespace weir::health
