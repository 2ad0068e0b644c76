// Parses a YAML text into a tree of nodes with positions. Only this parser uses yaml-cpp.
//
// The dialect is deliberately small: no anchors, aliases, merges, tags, further documents or duplicate keys, and at
// most 32 levels and 4 MiB. Scalars remain text, because their meaning depends on the key.
//
// Thread: pure functions and values.
// Lifetime: a tree owns its texts.
#pragma once

#include "conf/base/config_error.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::conf {

struct Node {
    enum class Kind { null, scalar, sequence, map, refused }; // refused: an error was already reported

    struct Entry;

    Kind kind = Kind::null;
    Mark mark;
    std::string text;
    std::vector<Node> items;
    std::vector<Entry> entries;

    const Entry* find(std::string_view key) const;
    Entry* find(std::string_view key);
};

struct Node::Entry {
    std::string key;
    Mark mark;
    Node value;
};

// Parses one document. Adds errors to `errors`, marked with the file's index and name. Returns an unset value if the
// text could not be read to its end. An empty document is a null node; for a duplicate key, the first value counts.
std::optional<Node> parse_document(std::string_view text, std::size_t file, const std::string& name, Errors& errors);

} // namespace weir::conf
