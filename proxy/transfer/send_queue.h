// Bytes to be sent, as parts that lie elsewhere in memory. One system call sends them all. The queue has room for a
// head, one piece of a body with its chunk framing, and the end of the body, and no more may be queued.
//
// Thread: one worker's thread.
// Lifetime: the bytes must stay in place until they have been sent.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <span>

#include <sys/uio.h>

namespace weir::proxy::http {

class SendQueue {
public:
    bool empty() const { return count_ == 0; }

    void push(const void* data, std::size_t size) {
        assert(first_ + count_ < parts_.size());
        parts_[first_ + count_++] = {const_cast<void*>(data), size};
    }
    // Extends the last part by bytes that follow it in memory: one part is cheaper to send than two.
    void extend(std::size_t bytes) { parts_[first_ + count_ - 1].iov_len += bytes; }

    // Returns the parts to be sent, for sendmsg(2).
    std::span<const iovec> parts() const { return {parts_.data() + first_, count_}; }
    // Removes the first `bytes` bytes, which have been sent, and empty parts behind them.
    void remove(std::size_t bytes) {
        while (bytes > 0 || (count_ > 0 && parts_[first_].iov_len == 0)) {
            auto& part = parts_[first_];
            const auto taken = std::min(bytes, part.iov_len);
            part.iov_base = static_cast<char*>(part.iov_base) + taken;
            part.iov_len -= taken;
            bytes -= taken;
            if (part.iov_len == 0) ++first_, --count_;
        }
        if (count_ == 0) first_ = 0;
    }

private:
    std::array<iovec, 5> parts_; // a head, a chunk's size line, its payload, its line end, the last chunk
    std::size_t first_ = 0, count_ = 0;
};

} // namespace weir::proxy::http
