#include "conf/read/binder.h"

#include <algorithm>

namespace weir::conf {
namespace {

const char* name_of(Node::Kind kind) {
    switch (kind) {
    case Node::Kind::null: return "nothing";
    case Node::Kind::scalar: return "a single value";
    case Node::Kind::sequence: return "a list";
    case Node::Kind::map: return "a mapping";
    case Node::Kind::refused: break;
    }
    return "";
}

} // namespace

Mark find_place(const Positions& positions, std::string path) {
    auto it = positions.find(path);
    while (it == positions.end() && !path.empty()) {
        const auto cut = path.find_last_of(".[");
        path = cut == std::string::npos ? "" : path.substr(0, cut);
        it = positions.find(path);
    }
    return it == positions.end() ? Mark{} : it->second;
}

void Binder::whole(std::string_view key, std::uint32_t& value, std::uint64_t least, std::uint64_t most,
                   std::string_view) {
    const auto* entry = take(key);
    if (!entry) return;
    std::string why;
    const auto scalar = scalar_text(context_, entry->value, join(key), why);
    if (why.empty()) {
        value = static_cast<std::uint32_t>(parse_whole(scalar.text, least, most, why));
        if (!why.empty() && !scalar.variables.empty()) {
            std::string hint;
            parse_whole(entry->value.text, least, most, hint);
            why = explain_hidden(entry->value, hint);
        }
    }
    if (!why.empty()) context_.fail(entry->value.mark, join(key), why);
}

void Binder::pairs(std::string_view key, std::vector<std::pair<std::string, std::string>>& values, std::string_view) {
    const auto* entry = take(key);
    if (!entry || !expect(context_, entry->value, join(key), Node::Kind::map, "a mapping of names to texts")) return;
    for (const auto& item : entry->value.entries)
        bind(context_, item.value, join(key) + "." + item.key, values.emplace_back(item.key, "").second);
}

void Binder::finish() {
    for (const auto& entry : map_.entries) {
        if (entry.key == "<<" || std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
        if (context_.is_full()) {
            ++context_.left_out; // too many errors already; skip the suggestion
            continue;
        }
        context_.fail(entry.mark, path_, "unknown key \"" + entry.key + "\"" + did_you_mean(entry.key, known_));
    }
}

const Node::Entry* Binder::take(std::string_view key) {
    known_.push_back(key);
    return map_.find(key);
}

bool Binder::expect(BindContext& context, const Node& node, const std::string& path, Node::Kind kind,
                    const char* what) {
    if (node.kind == kind) return true;
    if (node.kind == Node::Kind::refused) return false;
    context.fail(node.mark, path, std::string("expected ") + what + ", found " + name_of(node.kind));
    return false;
}

Expanded Binder::scalar_text(BindContext& context, const Node& node, const std::string& path, std::string& why) {
    if (node.kind != Node::Kind::scalar) {
        why = std::string("expected a single value, found ") + name_of(node.kind);
        return {};
    }
    auto expanded = expand(node.text, context.lookup, why);
    if (!expanded.variables.empty())
        context.substitutions.push_back({path, node.text, expanded.text, expanded.variables});
    return expanded;
}

std::string Binder::explain_hidden(const Node& node, const std::string& hint) {
    if (hint.empty()) return "the value of \"" + node.text + "\" is not valid here";
    return hint + "; the values of variables are not shown";
}

} // namespace weir::conf
