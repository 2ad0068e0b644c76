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

// Calls `each` with the parts of a parameter between semicolons.
template <class Each> void for_each_part(std::string_view text, const Each& each) {
    for (;;) {
        const auto end = std::min(text.find(';'), text.size());
        each(text.substr(0, end));
        if (end == text.size()) return;
        text.remove_prefix(end + 1);
    }
}

std::string_view name_of(std::string_view part) { return part.substr(0, part.find('=')); }

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

// Some backends split at ';', too: a rule must not be evaded by it.
bool QueryRewriter::matches_part(std::string_view text) const {
    if (text.find(';') == std::string_view::npos) return false;
    bool found = false;
    for_each_part(text, [&](std::string_view part) { found = found || find_rule(name_of(part)) != no_rule; });
    return found;
}

std::string QueryRewriter::without_named_parts(std::string_view text) const {
    std::string out;
    for_each_part(text, [&](std::string_view part) {
        if (find_rule(name_of(part)) != no_rule) return;
        out.append(out.empty() ? "" : ";").append(part);
    });
    return out;
}

bool QueryRewriter::changes(std::string_view query) const {
    if (!added_.empty() || (!rules_.empty() && !rules_.front().parameter.empty())) return true;
    bool named = false;
    if (!rules_.empty())
        for_each_parameter(without_mark(query), [&](const QueryParameter& parameter) {
            return named = find_rule(parameter.name) != no_rule || matches_part(parameter.text);
        });
    return named;
}

void QueryRewriter::append_rewritten(std::string& path, std::string_view query) const {
    const auto begin = path.size();
    const auto put = [&](std::string_view parameter) {
        path += path.size() == begin ? '?' : '&';
        path += parameter;
    };
    const auto put_if_any = [&](const std::string& parameter) {
        if (!parameter.empty()) put(parameter);
    };
    std::vector<bool> done(rules_.size());
    for_each_parameter(without_mark(query), [&](const QueryParameter& parameter) {
        const auto rule = find_rule(parameter.name);
        if (rule == no_rule && !matches_part(parameter.text)) put(parameter.text);
        else if (rule == no_rule) put_if_any(without_named_parts(parameter.text));
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
