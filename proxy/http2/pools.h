// Memory for an HTTP/2 connection and its streams.
//
// Thread: one worker's thread.
// Lifetime: the pools must outlive the connection.
#pragma once

#include "proxy/io/buffer.h"

namespace weir::proxy::http2 {

struct Pools {
    BufferPool& heads;
    BufferPool& bodies;
    BufferPool& small;

    // Returns the pool of the smallest blocks that hold `bytes`, as far as possible.
    BufferPool& for_bytes(std::size_t bytes) const {
        if (bytes <= small.block_size()) return small;
        return bytes <= heads.block_size() ? heads : bodies;
    }
};

} // namespace weir::proxy::http2
