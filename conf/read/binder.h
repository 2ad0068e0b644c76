// Reads a tree of nodes into configuration values: a visitor of conf/model/fields.h.
//
// It collects all errors instead of stopping at the first, and records the position of each path in the files, so that
// later checks can report positions as well.
//
// Thread: one thread at a time.
// Lifetime: the nodes, the file names and the errors must outlive it.
#pragma once

#include "conf/model/fields.h"
#include "conf/model/redact.h"
#include "conf/model/scalar.h"
#include "conf/read/document.h"
#include "conf/read/expand.h"

#include <unordered_map>

namespace weir::conf {

inline constexpr std::size_t max_errors = 100;

using Positions = std::unordered_map<std::string, Mark>;

// Returns the position of a path, or of its nearest ancestor that occurs in a file.
Mark find_place(const Positions& positions, std::string path);

// The state shared by all visitors of one file.
struct BindContext {
    const std::vector<std::string>& files;
    const Lookup& lookup;
    Errors& errors;
    Positions& positions;
    std::vector<Substitution> substitutions{};

    std::size_t left_out = 0; // number of errors that were not added, because of max_errors

    bool is_full() const { return errors.size() >= max_errors; }
    void fail(Mark mark, const std::string& path, std::string reason) {
        if (is_full()) {
            ++left_out;
            return;
        }
        errors.push_back({files[mark.file], mark.line, mark.column, path, redact(std::move(reason), substitutions)});
    }
};

class Binder {
public:
    // Reads from one mapping; `path` identifies it in errors.
    Binder(BindContext& context, const Node& map, std::string path)
        : context_(context), map_(map), path_(std::move(path)) {}

    // Reads all of `value` from `node`.
    template <class T> static void bind(BindContext& context, const Node& node, const std::string& path, T& value);

    template <class T> void field(std::string_view key, T& value, std::string_view) {
        if (const auto* entry = take(key)) bind(context_, entry->value, join(key), value);
    }
    template <class T> void required(std::string_view key, T& value, std::string_view doc) {
        expect_key(key, doc);
        field(key, value, doc);
    }
    void whole(std::string_view key, std::uint32_t& value, std::uint64_t least, std::uint64_t most, std::string_view);
    void required_whole(std::string_view key, std::uint32_t& value, std::uint64_t least, std::uint64_t most,
                        std::string_view doc) {
        expect_key(key, doc);
        whole(key, value, least, most, doc);
    }
    template <class T> void list(std::string_view key, std::vector<T>& values, std::string_view);
    void pairs(std::string_view key, std::vector<std::pair<std::string, std::string>>& values, std::string_view);
    template <class T> void object(std::string_view key, T& value, std::string_view doc) { field(key, value, doc); }
    template <class T> void optional(std::string_view key, std::optional<T>& value, std::string_view doc) {
        if (map_.find(key)) field(key, value.emplace(), doc);
    }
    template <class T> void named(std::string_view key, std::vector<T>& values, std::string_view);
    void unsupported(std::string_view key) {
        if (const auto* entry = take(key)) context_.fail(entry->mark, join(key), "not supported yet");
    }

    // Reports an error for every key of the mapping that was not visited.
    void finish();

private:
    const Node::Entry* take(std::string_view key);
    void expect_key(std::string_view key, std::string_view doc) {
        if (!map_.find(key))
            context_.fail(map_.mark, path_, "\"" + std::string(key) + "\" is missing: " + std::string(doc));
    }
    std::string join(std::string_view key) const {
        return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
    }
    static bool expect(BindContext& context, const Node& node, const std::string& path, Node::Kind kind,
                       const char* what);
    // Returns the text of a scalar with variables expanded, and records the variables.
    static Result<Expanded> scalar_text(BindContext& context, const Node& node, const std::string& path);
    // Calls `parse` with the text of a scalar. If the text contains variables, an error refers to the text as written,
    // because the values of variables may be secrets.
    template <class Parse>
    static auto parse_scalar(BindContext& context, const Node& node, const std::string& path, Parse parse)
        -> decltype(parse(std::string_view()));
    static Error explain_hidden(const Node& node, const std::string& hint);

    BindContext& context_;
    const Node& map_;
    std::string path_;
    std::vector<std::string_view> known_;
};

template <class T> struct Unwrap { using type = T; };
template <class T> struct Unwrap<std::optional<T>> { using type = T; };

template <class Parse>
auto Binder::parse_scalar(BindContext& context, const Node& node, const std::string& path, Parse parse)
    -> decltype(parse(std::string_view())) {
    const auto scalar = scalar_text(context, node, path);
    if (!scalar) return scalar.error();
    auto parsed = parse(scalar->text);
    if (parsed || scalar->variables.empty()) return parsed;
    const auto as_written = parse(node.text);
    return explain_hidden(node, as_written ? "" : as_written.error().message());
}

template <class T> void Binder::bind(BindContext& context, const Node& node, const std::string& path, T& value) {
    using Plain = typename Unwrap<T>::type;
    if (node.kind == Node::Kind::refused) return;
    context.positions[path] = node.mark;
    if constexpr (ScalarType<Plain>) {
        if constexpr (!std::same_as<T, Plain>) value.emplace(); // an invalid value must not count as missing as well
        auto parsed = parse_scalar(context, node, path, Scalar<Plain>::parse);
        if (parsed) value = *std::move(parsed);
        else context.fail(node.mark, path, parsed.error().message());
    } else {
        // The short form of a backend is its address.
        if constexpr (std::same_as<T, Backend>)
            if (node.kind == Node::Kind::scalar) return bind(context, node, path, value.address);
        if (!expect(context, node, path, Node::Kind::map, "a mapping (key: value)")) return;
        Binder inner(context, node, path);
        visit(inner, value);
        inner.finish();
    }
}

template <class T> void Binder::list(std::string_view key, std::vector<T>& values, std::string_view) {
    const auto* entry = take(key);
    if (!entry || !expect(context_, entry->value, join(key), Node::Kind::sequence, "a list ([…])")) return;
    context_.positions[join(key)] = entry->mark;
    values.clear();
    for (const auto& item : entry->value.items) {
        const auto path = join(key) + "[" + std::to_string(values.size()) + "]";
        bind(context_, item, path, values.emplace_back());
    }
}

template <class T> void Binder::named(std::string_view key, std::vector<T>& values, std::string_view) {
    const auto* entry = take(key);
    if (!entry || !expect(context_, entry->value, join(key), Node::Kind::map, "a mapping of names")) return;
    for (const auto& item : entry->value.entries) {
        auto& value = values.emplace_back();
        value.name = item.key;
        const auto path = join(key) + "." + item.key;
        bind(context_, item.value, path, value);
        context_.positions[path] = item.mark;
    }
}

} // namespace weir::conf
