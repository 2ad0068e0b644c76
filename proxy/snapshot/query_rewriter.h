// Changes the parameters of a route's requests before they are forwarded.
//
// Thread: immutable.
// Lifetime: owns what it holds.
#pragma once

#include "conf/model/config.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy::http {

class QueryRewriter {
public:
    QueryRewriter() = default;
    explicit QueryRewriter(const conf::QueryEdit& edit);

    // Returns true if the rules change a query, which begins with '?' or is empty.
    bool changes(std::string_view query) const;
    // Appends the changed query to a path, with its '?'; nothing if no parameter is left. Names are compared after
    // decoding (query_parameters.h). A parameter that a rule names behind a semicolon is removed, too, because some
    // backends separate parameters with semicolons. The parameters that no rule names keep their bytes and their order.
    // The cost is linear in the length of the query.
    void append_rewritten(std::string& path, std::string_view query) const;

private:
    // A parameter that is not forwarded as it was received.
    struct Rule {
        std::string name;
        std::string parameter; // put in its place, encoded; empty: it is removed
    };

    static constexpr std::size_t no_rule = ~std::size_t{0};

    std::size_t find_rule(std::string_view encoded_name) const;
    // Returns true if a rule names a part of a parameter between semicolons.
    bool matches_part(std::string_view text) const;
    std::string without_named_parts(std::string_view text) const;

    std::vector<Rule> rules_;
    std::vector<std::string> added_; // encoded
};

} // namespace weir::proxy::http
