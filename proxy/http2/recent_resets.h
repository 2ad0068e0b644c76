// Remembers which streams were reset not long ago: frames on them were on their way.
//
// Thread: one at a time.
// Lifetime: a value of its connection.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::proxy::http2 {

class RecentResets {
public:
    // Remembers the last `most` streams from now on.
    void limit_to(std::size_t most) { most_ = most; }

    void add(std::int32_t id) {
        if (ids_.empty()) ids_.resize(most_); // most connections never need it
        if (most_ > 0) ids_[count_++ % most_] = id;
    }
    bool contains(std::int32_t id) const { return std::find(ids_.begin(), ids_.end(), id) != ids_.end(); }

private:
    std::vector<std::int32_t> ids_;
    std::size_t count_ = 0, most_ = 0; // added so far
};

} // namespace weir::proxy::http2
