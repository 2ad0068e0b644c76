// The buffer memory of one worker.
//
// Thread: one worker's thread.
// Lifetime: outlives all buffers that it lends.
#pragma once

#include "proxy/io/buffer.h"

namespace weir::proxy {

// Room for a head of the default size and the first part of a body.
inline constexpr std::size_t head_block_size = 20 * 1024;
inline constexpr std::size_t body_block_size = 64 * 1024;
// Room for a usual head, or a small response. Many are held at once, so they should not fill the caches.
inline constexpr std::size_t small_block_size = 2 * 1024;

struct WorkerBuffers {
    BufferPool heads{head_block_size, 1024}, bodies{body_block_size, 64}, small{small_block_size, 1024};
};

} // namespace weir::proxy
