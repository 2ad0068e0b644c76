// Changes the paths of a route's requests before they are forwarded.
//
// Thread: immutable.
// Lifetime: owns what it holds.
#pragma once

#include "conf/model/config.h"
#include "proxy/snapshot/worker_regex.h"

#include <string>
#include <string_view>

namespace weir::proxy::http {

class PathRewriter {
public:
    PathRewriter() = default;
    PathRewriter(const conf::PathRewrite& rules, std::size_t workers);

    // Returns the path to forward. It begins with a slash, but is not necessarily in normal form. `forwarded` and
    // `matched` are the forms of the request's path (url_path.h). If only `matched` matches an expression, the result
    // has that form, so that no spelling is left as it was. Its cost is linear in the length of the path.
    std::string rewrite(std::string_view forwarded, std::string_view matched, std::size_t worker) const;

private:
    std::string strip_prefix_; // empty: none
    WorkerRegex regex_;        // empty: none
    std::string replacement_;  // in the syntax of RE2: \1 for $1
    std::string add_prefix_;   // empty: none
};

} // namespace weir::proxy::http
