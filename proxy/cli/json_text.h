// Helpers to read responses of the admin API.
//
// Thread: pure functions.
// Lifetime: results own their texts.
#pragma once

#include <boost/json.hpp>

#include <string>
#include <string_view>

namespace weir::proxy::cli {

inline std::string text_of(const boost::json::value& value) { return std::string(value.as_string()); }

// Returns the field `key`, or `old_key` of a process of an earlier version. Throws if it has neither.
inline const boost::json::value& either(const boost::json::object& object, std::string_view key,
                                        std::string_view old_key) {
    const auto* found = object.if_contains(key);
    return found ? *found : object.at(old_key);
}

// The short form of a hash that is shown to people.
inline std::string brief_hash(const boost::json::value& hash) { return text_of(hash).substr(0, 12); }

} // namespace weir::proxy::cli
