// SHA-256, which identifies a configuration across a fleet, and hexadecimal encoding.
//
// Thread: pure functions.
// Lifetime: the result owns its text.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace weir::conf {

std::string sha256_hex(std::string_view bytes); // 64 lower-case hex digits

std::string to_hex(std::span<const unsigned char> bytes); // lower case

} // namespace weir::conf
