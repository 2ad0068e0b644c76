// Reads a body from its store, piece by piece, for one attempt to send it.
//
//   next() returns a piece ─→ the caller sends it ─→ consume() ─→ next() ...
//
// Thread: one worker's thread.
// Lifetime: lives in one attempt; the store must outlive it.
#pragma once

#include "proxy/bodies/body_store.h"

#include <span>
#include <utility>

namespace weir::proxy::http {

class StoredBody {
public:
    explicit StoredBody(BodyStore& store) : store_(store) {}

    // Returns the next piece. Returns an empty piece if the disk is being waited for or has failed, if the body has
    // ended, or if the previous piece has not been consumed yet.
    std::span<const char> next() {
        if (lent_ > 0) return {};
        const auto piece = store_.read(at_);
        lent_ = piece.size();
        return piece;
    }
    void consume() { at_ += std::exchange(lent_, 0); }

    bool has_ended() const { return at_ == store_.size(); } // every piece has been consumed
    bool has_failed() const { return store_.state() == StoreState::failed; }
    bool awaits_disk() const { return store_.state() == StoreState::busy; }
    int error() const { return store_.error(); } // errno

private:
    BodyStore& store_;
    std::uint64_t at_ = 0;
    std::size_t lent_ = 0;
};

} // namespace weir::proxy::http
