// Reading what the admin API answers.
//
// Thread: pure functions.
// Lifetime: results own their texts.
#pragma once

#include <boost/json.hpp>

#include <string>

namespace weir::proxy::cli {

inline std::string text_of(const boost::json::value& value) { return std::string(value.as_string()); }

// As people name a configuration.
inline std::string brief_hash(const boost::json::value& hash) { return text_of(hash).substr(0, 12); }

} // namespace weir::proxy::cli
