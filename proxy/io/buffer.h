// Buffers for bytes in transit, and the pool that their memory comes from.
//
// A Buffer is a block with a read position and a write position. Its first bytes may be held: they stay readable while
// the bytes behind them are filled and consumed (a request's head, while its body is forwarded).
//
// Thread: one worker's thread.
// Lifetime: the pool must outlive its buffers.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace weir::proxy {

class BufferPool {
public:
    // `size` is the size of a block in bytes; at most `keep` free blocks are kept.
    BufferPool(std::size_t size, std::size_t keep) : size_(size), keep_(keep) {}
    ~BufferPool();
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;

    std::size_t block_size() const { return size_; }

private:
    friend class Buffer;
    char* take();
    void give(char* block);

    std::size_t size_, keep_;
    std::vector<char*> free_;
};

class Buffer {
public:
    Buffer() = default;
    explicit Buffer(BufferPool& pool) : pool_(&pool), data_(pool.take()), capacity_(pool.block_size()) {}
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        Buffer moved(std::move(other));
        swap(moved);
        return *this;
    }
    ~Buffer() { release(); }

    bool has_memory() const { return data_ != nullptr; }
    void release(); // frees the memory; the buffer is empty

    char* data() { return data_ + begin_; }
    std::size_t size() const { return end_ - begin_; }
    bool empty() const { return begin_ == end_; }
    std::string_view view() const { return {data_ + begin_, end_ - begin_}; }

    std::span<char> space() const { return {data_ + end_, capacity_ - end_}; }
    void fill(std::size_t bytes) { end_ += bytes; }
    void unfill(std::size_t bytes) { end_ -= bytes; } // drops the last bytes
    void consume(std::size_t bytes) { begin_ += bytes; }
    // Consumes bytes but keeps them in place: until `drop_held`, `rewind` stops behind them.
    void hold(std::size_t bytes) { held_ = begin_ += bytes; }
    void drop_held() { held_ = 0; }
    void rewind() { begin_ = end_ = held_; } // for an empty buffer: makes its whole space usable again
    void compact();                          // moves unread bytes to the front, over held ones

    // Grows the block to `bytes` in total and keeps its contents. Earlier views become invalid.
    void grow(std::size_t bytes);
    // Returns false if `bytes` do not fit. Inline, since most texts have a length that the compiler knows.
    bool append(std::string_view bytes) {
        if (bytes.size() > capacity_ - end_) return false;
        if (!bytes.empty()) std::memcpy(data_ + end_, bytes.data(), bytes.size());
        end_ += bytes.size();
        return true;
    }

private:
    void swap(Buffer& other) noexcept;

    BufferPool* pool_ = nullptr;
    char* data_ = nullptr;
    std::size_t capacity_ = 0, begin_ = 0, end_ = 0, held_ = 0;
};

} // namespace weir::proxy
