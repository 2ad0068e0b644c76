// SHA-256, which identifies a configuration across a fleet.
//
// Thread: pure functions.
// Lifetime: the result owns its text.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace weir::conf {

// The SHA-256 of files in hex, by path; in place of that of an unreadable file, the reason.
using FileHashes = std::map<std::string, std::string>;

// Returns the SHA-256 of the bytes as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

} // namespace weir::conf
