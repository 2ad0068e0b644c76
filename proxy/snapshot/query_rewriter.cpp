#include "proxy/snapshot/query_rewriter.h"

#include "proxy/snapshot/query_parameters.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

// Returns true if a character of a name or value means itself to every backend (RFC 3986 section 3.4). Some split at
// ';', and '+' is a space.
bool stands_for_itself(char c) {
    constexpr std::string_view marks = "-._~!$'()*,/:@?";
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           marks.find(c) != std::string_view::npos;
}

std::string encoded_parameter(std::string_view name, std::string_view value) {
    std::string out;
    const auto put = [&](std::string_view text) {
        for (const char c : text) {
            if (stands_for_itself(c)) out += c;
            else conf::put_encoded(out, c);
        }
    };
    put(name);
    out += '=';
    put(value);
    return out;
}

std::string_view without_mark(std::string_view query) { return query.substr(query.starts_with('?') ? 1 : 0); }

} // namespace

QueryRewriter::QueryRewriter(const conf::QueryEdit& edit) {
    for (const auto& [name, value] : edit.set) rules_.push_back({name, encoded_parameter(name, value)});
    for (const auto& name : edit.remove) rules_.push_back({name, {}});
    for (const auto& [name, value] : edit.add) added_.push_back(encoded_parameter(name, value));
}

std::size_t QueryRewriter::find_rule(std::string_view encoded_name) const {
    const auto found = std::find_if(rules_.begin(), rules_.end(),
                                    [&](const Rule& rule) { return decodes_to(encoded_name, rule.name); });
    return found == rules_.end() ? no_rule : static_cast<std::size_t>(found - rules_.begin());
}

bool QueryRewriter::changes(std::string_view query) const {
    if (!added_.empty() || (!rules_.empty() && !rules_.front().parameter.empty())) return true;
    bool named = false;
    if (!rules_.empty())
        for_each_parameter(without_mark(query), [&](const QueryParameter& parameter) {
            return named = find_rule(parameter.name) != no_rule;
        });
    return named;
}

void QueryRewriter::append_rewritten(std::string& path, std::string_view query) const {
    const auto begin = path.size();
    const auto put = [&](std::string_view parameter) {
        path += path.size() == begin ? '?' : '&';
        path += parameter;
    };
    std::vector<bool> done(rules_.size());
    for_each_parameter(without_mark(query), [&](const QueryParameter& parameter) {
        const auto rule = find_rule(parameter.name);
        if (rule == no_rule) put(parameter.text);
        else if (!rules_[rule].parameter.empty() && !done[rule]) put(rules_[rule].parameter);
        if (rule != no_rule) done[rule] = true;
        return false;
    });
    for (std::size_t i = 0; i < rules_.size(); ++i)
        if (!rules_[i].parameter.empty() && !done[i]) put(rules_[i].parameter);
    for (const auto& parameter : added_) put(parameter);
    if (path.size() == begin + 1) path.pop_back(); // only an empty piece is left
}

} // namespace weir::proxy::http
