// The copies of requests that a worker is sending to mirror pools, so that the worker can bound and end them.
//
// Thread: one worker's thread.
// Lifetime: a copy is in the list from its construction to its destruction; the list must outlive it.
#pragma once

#include <cstddef>

namespace weir::proxy {

class MirrorList {
public:
    static constexpr std::size_t max_copies = 256;                  // in flight
    static constexpr std::size_t max_bytes = std::size_t{32} << 20; // of bodies that are captured or in flight

    // A copy in flight.
    class Entry {
    public:
        explicit Entry(MirrorList& list) : list_(list), next_(list.first_) {
            if (next_) next_->previous_ = this;
            list.first_ = this;
            ++list.count_;
        }
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        virtual ~Entry() {
            (previous_ ? previous_->next_ : list_.first_) = next_;
            if (next_) next_->previous_ = previous_;
            --list_.count_;
        }
        virtual void abort() = 0; // ends the copy now

    private:
        friend class MirrorList;
        MirrorList& list_;
        Entry *previous_ = nullptr, *next_;
    };

    MirrorList() = default;
    MirrorList(const MirrorList&) = delete;
    MirrorList& operator=(const MirrorList&) = delete;

    bool has_room() const { return count_ < max_copies; }
    // Reserves memory for a part of a body. Returns false if there is not enough.
    bool reserve(std::size_t bytes) {
        if (bytes > max_bytes - bytes_) return false;
        bytes_ += bytes;
        return true;
    }
    void give_back(std::size_t bytes) { bytes_ -= bytes; }
    void abort_all() {
        for (auto* entry = first_; entry;) {
            auto* next = entry->next_;
            entry->abort();
            entry = next;
        }
    }

private:
    Entry* first_ = nullptr;
    std::size_t count_ = 0, bytes_ = 0;
};

} // namespace weir::proxy
