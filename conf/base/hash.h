// SHA-256, which identifies a configuration across a fleet.
//
// Thread: pure functions.
// Lifetime: the result owns its text.
#pragma once

#include <string>
#include <string_view>

namespace weir::conf {

// Returns the SHA-256 of the bytes as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

} // namespace weir::conf
