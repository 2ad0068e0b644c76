// SHA-256, which names a configuration across a fleet.
//
// Thread: pure function.
// Lifetime: the result owns its text.
#pragma once

#include <string>
#include <string_view>

namespace weir::conf {

std::string sha256_hex(std::string_view bytes); // 64 lower-case hex digits

} // namespace weir::conf
