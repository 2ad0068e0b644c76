// Memory for coroutine frames and other short-lived blocks of the data path. Each thread has free lists by size, so
// that a request in steady state allocates nothing.
//
// Thread: each thread has its own lists; a block must be freed on the thread that took it.
// Lifetime: blocks live until freed; the lists free their blocks when the thread ends.
#pragma once

#include <cstddef>

namespace weir::proxy {

// take_frame() allocates a block and give_frame() frees it. `bytes` must be the same in both calls.
void* take_frame(std::size_t bytes);
void give_frame(void* block, std::size_t bytes) noexcept;

} // namespace weir::proxy
