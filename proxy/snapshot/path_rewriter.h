// Changes the paths of a route's requests before they are forwarded.
//
// Thread: immutable. RE2 takes a lock in each search, so each worker searches with an expression of its own.
// Lifetime: owns what it holds.
#pragma once

#include "conf/model/config.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

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
    conf::PathRewrite rules_;                              // `replace` in the syntax of RE2: \1 for $1
    std::vector<std::shared_ptr<const re2::RE2>> regexes_; // one for each worker; empty: none
};

} // namespace weir::proxy::http
