// Only the control thread handles signals. Block them before starting another thread, because it inherits the mask.
//
// Thread: any; each has its own mask.
// Lifetime: free functions.
#pragma once

namespace weir {

// Blocks all signals in the calling thread: they stay pending, or go to a thread that allows them.
void block_signals();

// Delivers pending and later signals to the calling thread again.
void allow_signals();

} // namespace weir
