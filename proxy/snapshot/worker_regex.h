// A regular expression that all workers search with at once. RE2 takes a lock in each search, so each worker has an
// expression of its own.
//
// Thread: immutable; a worker passes its own index.
// Lifetime: owns the expressions; copies share them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace weir::proxy::http {

class WorkerRegex {
public:
    WorkerRegex() = default;
    // `pattern` must be valid. If it is empty, there is no expression.
    WorkerRegex(const std::string& pattern, std::size_t workers);

    bool empty() const { return each_.empty(); }
    // Returns true if the expression matches somewhere in `text`. Its cost is linear in the length of the text, here
    // and below.
    bool is_found_in(std::string_view text, std::size_t worker) const;
    // Replaces the first match by `replacement`, in which \1 is the first group. Returns false if nothing matches.
    bool replace_first(std::string& text, std::string_view replacement, std::size_t worker) const;

private:
    std::vector<std::shared_ptr<const re2::RE2>> each_; // one for each worker
};

} // namespace weir::proxy::http
