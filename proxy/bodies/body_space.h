// The space that buffered bodies take, in memory and on disk, counted over all workers.
//
//   SpaceReservation::take(bytes) ─→ refused: the limit is reached
//      └→ counted, until the share ends
//
// Thread: any, since it is one atomic number; a share belongs to one thread at a time.
// Lifetime: shared by its shares, because a file may outlive what it was written for.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

namespace weir::proxy {

class BodySpace {
public:
    // Sets how much all bodies may take together. What is stored already stays, but under a limit that is too small for
    // it, no body can grow.
    void set_limit(std::uint64_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }
    // Returns true if `bytes` more are within the limit now.
    bool has_room(std::uint64_t bytes) const { return fits(bytes, used()); }
    // Counts `bytes` more. Returns false, and counts nothing, if all together would exceed the limit.
    [[nodiscard]] bool take(std::uint64_t bytes) {
        auto used = used_.load(std::memory_order_relaxed);
        do {
            if (!fits(bytes, used)) return false;
        } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
        return true;
    }
    void give_back(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
    std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }

private:
    bool fits(std::uint64_t bytes, std::uint64_t used) const {
        const auto limit = limit_.load(std::memory_order_relaxed);
        return used <= limit && bytes <= limit - used;
    }

    std::atomic<std::uint64_t> limit_{std::numeric_limits<std::uint64_t>::max()}, used_{0}; // bytes
};

// The space that one body takes.
class SpaceReservation {
public:
    explicit SpaceReservation(std::shared_ptr<BodySpace> space) : space_(std::move(space)) {}
    SpaceReservation(SpaceReservation&& other) noexcept
        : space_(std::move(other.space_)), bytes_(std::exchange(other.bytes_, 0)) {}
    SpaceReservation& operator=(SpaceReservation&&) = delete;
    ~SpaceReservation() { release(); }

    [[nodiscard]] bool take(std::uint64_t bytes) {
        if (!space_->take(bytes)) return false;
        bytes_ += bytes;
        return true;
    }
    void release() {
        if (bytes_ > 0) space_->give_back(std::exchange(bytes_, 0));
    }

private:
    std::shared_ptr<BodySpace> space_;
    std::uint64_t bytes_ = 0;
};

} // namespace weir::proxy
