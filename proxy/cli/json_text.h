// Helpers to read responses of the admin API.
//
// Thread: pure functions.
// Lifetime: results own their texts.
#pragma once

#include <boost/json.hpp>

#include <string>

namespace weir::proxy::cli {

inline std::string text_of(const boost::json::value& value) { return std::string(value.as_string()); }

// Returns the short form of a hash, for display.
inline std::string brief_hash(const boost::json::value& hash) { return text_of(hash).substr(0, 12); }

} // namespace weir::proxy::cli
