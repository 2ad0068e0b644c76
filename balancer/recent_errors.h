// The last few errors that one worker has seen from one backend.
//
// A sequence lock guards each entry: its number is odd while the writer changes it, and a reader that finds the number
// odd or changed skips the entry. All fields of an entry are atomic, so that reading is not a data race.
//
// Thread: one writer; any thread may read.
// Lifetime: reasons are static texts; a copy owns its detail.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace weir::balancer {

struct RecentError {
    std::chrono::system_clock::time_point at;
    std::string reason, detail;
};

class RecentErrors {
public:
    static constexpr std::size_t kept = 4, longest_detail = 120;

    // Stores an error in place of the oldest one. `reason` must be a static, NUL-terminated text. A detail of more than
    // `longest_detail` bytes is truncated.
    void add(std::chrono::system_clock::time_point at, const char* reason, std::string_view detail) {
        auto& entry = entries_[next_++ % kept];
        const auto number = entry.number.load(std::memory_order_relaxed);
        entry.number.store(number + 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release);
        std::array<std::uint64_t, words> text{};
        detail = detail.substr(0, longest_detail);
        std::memcpy(text.data(), detail.data(), detail.size());
        entry.at.store(at.time_since_epoch().count(), std::memory_order_relaxed);
        entry.reason.store(reason, std::memory_order_relaxed);
        entry.size.store(detail.size(), std::memory_order_relaxed);
        for (std::size_t i = 0; i < words; ++i) entry.detail[i].store(text[i], std::memory_order_relaxed);
        entry.number.store(number + 2, std::memory_order_release);
    }

    // Appends the stored errors to `out`, in no particular order.
    void read(std::vector<RecentError>& out) const {
        for (const auto& entry : entries_) {
            const auto before = entry.number.load(std::memory_order_acquire);
            if (before == 0 || before % 2 != 0) continue;
            std::array<std::uint64_t, words> text;
            const std::chrono::system_clock::duration at{entry.at.load(std::memory_order_relaxed)};
            const auto* reason = entry.reason.load(std::memory_order_relaxed);
            const auto size = entry.size.load(std::memory_order_relaxed);
            for (std::size_t i = 0; i < words; ++i) text[i] = entry.detail[i].load(std::memory_order_relaxed);
            std::atomic_thread_fence(std::memory_order_acquire);
            if (entry.number.load(std::memory_order_relaxed) != before) continue;
            out.push_back({std::chrono::system_clock::time_point(at), reason,
                           std::string(reinterpret_cast<const char*>(text.data()), size)});
        }
    }

private:
    static constexpr std::size_t words = longest_detail / sizeof(std::uint64_t);

    struct Entry {
        std::atomic<std::uint64_t> number{0};
        std::atomic<std::chrono::system_clock::rep> at{0};
        std::atomic<const char*> reason{""};
        std::atomic<std::size_t> size{0};
        std::array<std::atomic<std::uint64_t>, words> detail{};
    };

    std::array<Entry, kept> entries_;
    std::size_t next_ = 0;
};

} // namespace weir::balancer
