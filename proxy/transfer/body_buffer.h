// The buffer that a message's body is read into. At first this is the connection's own buffer, which holds the bytes
// that arrived behind the head. A large buffer replaces it for a long body, which saves system calls.
//
// Thread: one worker's thread.
// Lifetime: the connection's buffer and the pool must outlive it; it must not move.
#pragma once

#include "proxy/io/buffer.h"

namespace weir::proxy::http {

class BodyBuffer {
public:
    enum class Wanted { any, large };

    // `pool` provides the large buffer, and a buffer if the connection's own has no memory.
    BodyBuffer(Buffer& own, BufferPool& pool) : pool_(pool), current_(&own) {}
    BodyBuffer(const BodyBuffer&) = delete;
    BodyBuffer& operator=(const BodyBuffer&) = delete;

    Buffer& current() { return *current_; }
    const Buffer& current() const { return *current_; }

    // Returns the space to read into. The current buffer must be empty. Once a large buffer is in use, it stays in use.
    std::span<char> room(Wanted wanted) {
        if (wanted == Wanted::large && current_ != &large_) {
            large_ = Buffer(pool_);
            current_ = &large_;
        } else if (!current_->has_memory()) {
            *current_ = Buffer(pool_);
        }
        current_->rewind();
        return current_->space();
    }
    // Frees the memory of the large buffer, if it is in use, until the next call of `room`. The buffer must be empty.
    void release_large() {
        if (current_ == &large_) large_.release();
    }

private:
    BufferPool& pool_;
    Buffer* current_; // the connection's own, or `large_`
    Buffer large_;
};

} // namespace weir::proxy::http
