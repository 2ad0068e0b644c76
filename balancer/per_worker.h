// One object for each worker, created on first use, so that objects that most configurations never use cost only a
// pointer.
//
// Thread: `own` on the worker's thread; `each` on any thread.
// Lifetime: owns the objects, which never move.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

namespace weir::balancer {

template <class T> class PerWorker {
public:
    explicit PerWorker(std::size_t workers) : slots_(workers) {}
    ~PerWorker() {
        for (auto& slot : slots_) delete slot.load();
    }
    PerWorker(const PerWorker&) = delete;
    PerWorker& operator=(const PerWorker&) = delete;

    // Returns the worker's object, and creates it if there is none.
    T& own(std::size_t worker) {
        auto& slot = slots_[worker];
        if (auto* known = slot.load(std::memory_order_relaxed)) return *known;
        auto made = std::make_unique<T>();
        slot.store(made.get(), std::memory_order_release);
        return *made.release();
    }

    // Calls `visit` with each object that has been created.
    template <class F> void each(F visit) const {
        for (const auto& slot : slots_)
            if (const T* known = slot.load(std::memory_order_acquire)) visit(*known);
    }

private:
    std::vector<std::atomic<T*>> slots_;
};

} // namespace weir::balancer
