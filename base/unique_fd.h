// Owns a file descriptor.
//
// Thread: one at a time.
// Lifetime: the destructor closes the descriptor.
#pragma once

#include <utility>

#include <unistd.h>

namespace weir {

class UniqueFd {
public:
    UniqueFd() = default;
    // Takes ownership of `fd`; -1 for none, as failed system calls return it.
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    ~UniqueFd() { reset(); }

    explicit operator bool() const { return fd_ >= 0; }
    int get() const { return fd_; }
    // Gives up ownership and returns the descriptor; the caller must close it.
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    // Closes the descriptor and takes ownership of `fd`.
    void reset(int fd = -1) {
        if (const int old = std::exchange(fd_, fd); old >= 0) ::close(old);
    }

private:
    int fd_ = -1;
};

} // namespace weir
