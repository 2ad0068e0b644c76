#include "proxy/snapshot/worker_regex.h"

#include <re2/re2.h>

namespace weir::proxy::http {

WorkerRegex::WorkerRegex(const std::string& pattern, std::size_t workers) {
    for (std::size_t i = 0; !pattern.empty() && i < workers; ++i)
        each_.push_back(std::make_shared<const re2::RE2>(pattern, re2::RE2::Quiet));
}

bool WorkerRegex::is_found_in(std::string_view text, std::size_t worker) const {
    return re2::RE2::PartialMatch({text.data(), text.size()}, *each_[worker]);
}

bool WorkerRegex::replace_first(std::string& text, std::string_view replacement, std::size_t worker) const {
    return re2::RE2::Replace(&text, *each_[worker], {replacement.data(), replacement.size()});
}

} // namespace weir::proxy::http
