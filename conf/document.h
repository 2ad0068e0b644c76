// A YAML text as a tree of nodes that remember where they stand. The only user of yaml-cpp.
//
// The dialect is deliberately small: no anchors, aliases, merges, tags or second documents, no duplicate keys, at most
// 32 levels and 4 MiB. Scalars stay text; their meaning is decided by the key that they belong to.
//
// Thread: pure functions and values.
// Lifetime: a tree owns its texts.
#pragma once

#include "conf/error.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::conf {

struct Node {
    enum class Kind { null, scalar, sequence, map, refused }; // refused: an error has been told already

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

// Reads one document. What is wrong goes to `errors`, marked with `file` (its index) and named `name`. Unset where the
// text could not be read to its end; an empty document is a null node; of a duplicate key the first stands.
std::optional<Node> parse_document(std::string_view text, std::size_t file, const std::string& name, Errors& errors);

} // namespace weir::conf
