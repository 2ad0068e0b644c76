// Memory of coroutine frames and other short-lived blocks of the data path: free lists by size, one set a thread, so
// that a request in steady state allocates nothing.
//
// Thread: each thread has its own lists; a block is freed on the thread that took it.
// Lifetime: blocks live until freed; what the lists hold is given back when the thread ends.
#pragma once

#include <cstddef>

namespace weir::proxy {

void* take_frame(std::size_t bytes);
void give_frame(void* block, std::size_t bytes) noexcept;

} // namespace weir::proxy
