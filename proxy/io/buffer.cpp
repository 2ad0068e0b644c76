#include "proxy/io/buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::proxy {

BufferPool::~BufferPool() {
    for (char* block : free_) delete[] block;
}

char* BufferPool::take() {
    if (free_.empty()) return new char[size_];
    char* block = free_.back();
    free_.pop_back();
    return block;
}

void BufferPool::give(char* block) {
    if (free_.size() >= keep_) delete[] block;
    else free_.push_back(block);
}

void Buffer::release() {
    if (data_ && capacity_ == pool_->block_size()) pool_->give(data_);
    else delete[] data_;
    data_ = nullptr;
    pool_ = nullptr;
    capacity_ = begin_ = end_ = held_ = 0;
}

void Buffer::compact() {
    if (begin_ == 0) return;
    std::memmove(data_, data_ + begin_, size());
    end_ -= begin_;
    begin_ = held_ = 0;
}

void Buffer::grow(std::size_t bytes) {
    if (bytes <= capacity_) return;
    char* larger = new char[bytes];
    std::memcpy(larger, data_, end_);
    if (capacity_ == pool_->block_size()) pool_->give(data_);
    else delete[] data_;
    data_ = larger;
    capacity_ = bytes;
}

void Buffer::swap(Buffer& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(held_, other.held_);
}

} // namespace weir::proxy
