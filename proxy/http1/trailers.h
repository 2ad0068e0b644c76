// The trailer section of a message (RFC 9110 section 6.5): the fields behind its body.
//
// Everything that weir and most servers decide about a message, they decide from its head. A server that merges the
// trailer section into the head must not learn there what weir has kept from it, set itself, or already acted upon. So
// fields of the head that have a meaning for that are never forwarded in a trailer section, in any spelling.
//
// Thread: pure functions; a section is for one at a time.
// Lifetime: the lines must outlive a section.
#pragma once

#include "proxy/http1/dropped_fields.h"
#include "proxy/http1/fields.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace weir::proxy::http {

inline constexpr std::size_t max_trailer_count = 100; // fields of a section

// Returns true if a field of this name may be forwarded in a trailer section, unless a section drops it.
bool may_trail(std::string_view name);

class TrailerSection {
public:
    // `lines` are fields, each with its CRLF. Takes those that may_trail(), up to the first line that is none. There
    // are at most max_trailer_count.
    explicit TrailerSection(std::string_view lines);
    TrailerSection(const TrailerSection&) = delete;
    TrailerSection& operator=(const TrailerSection&) = delete;

    // Drops every field with this name, in all its spellings.
    void drop(std::string_view name) { dropped_.drop(name); }
    // Drops every field whose name is in the set, as conf::fold_header_name() returns it.
    void drop_all(const std::unordered_set<std::string>& folded_names);
    // Drops every field that a Connection field with this value names (RFC 9110 section 7.6.1).
    void drop_connection_options(std::string_view connection);

    // Returns the lines of the fields that are left, in the usual form. Control bytes in values become spaces.
    std::string text() const;

private:
    std::vector<Field> fields_;
    DroppedFields dropped_;
};

} // namespace weir::proxy::http
