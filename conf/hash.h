// SHA-256, which names a configuration across a fleet, and bytes as hex digits.
//
// Thread: pure functions.
// Lifetime: the result owns its text.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace weir::conf {

std::string sha256_hex(std::string_view bytes); // 64 lower-case hex digits

std::string to_hex(std::span<const unsigned char> bytes); // in lower case

} // namespace weir::conf
