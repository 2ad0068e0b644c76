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
    const auto parsed = parse_scalar(context_, entry->value, join(key),
                                     [&](std::string_view text) { return parse_whole(text, least, most); });
    if (parsed) value = static_cast<std::uint32_t>(*parsed);
    else context_.fail(entry->value.mark, join(key), parsed.error().message());
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

Result<Expanded> Binder::scalar_text(BindContext& context, const Node& node, const std::string& path) {
    if (node.kind != Node::Kind::scalar)
        return Error(std::string("expected a single value, found ") + name_of(node.kind));
    auto expanded = expand(node.text, context.lookup);
    if (expanded && !expanded->variables.empty())
        context.substitutions.push_back({path, node.text, expanded->text, expanded->variables});
    return expanded;
}

Error Binder::explain_hidden(const Node& node, const std::string& hint) {
    if (hint.empty()) return Error("the value of \"" + node.text + "\" is not valid here");
    return Error(hint + "; the values of variables are not shown");
}

} // namespace weir::conf
