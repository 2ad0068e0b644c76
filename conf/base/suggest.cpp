#include "conf/base/suggest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace weir::conf {
namespace {

// Returns the Levenshtein distance, with a swap of neighbouring letters counted as one step.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);
    std::iota(last.begin(), last.end(), 0);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before = std::exchange(last, row);
    }
    return last[b.size()];
}

} // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
    if (word.size() > 64 || known.size() > 1000) return {}; // too expensive
    std::string_view best;
    std::size_t nearest = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const auto candidate : known) {
        const auto d = distance(word, candidate);
        if (d < nearest) nearest = d, best = candidate;
    }
    return best.empty() ? std::string() : " (did you mean \"" + std::string(best) + "\"?)";
}

} // namespace weir::conf
