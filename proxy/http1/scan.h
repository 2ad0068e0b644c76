// Scans the bytes of a head, 16 at a time: most of a head is long runs of ordinary bytes.
//
// Thread: pure functions.
// Lifetime: results point into the bytes that were scanned.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir::proxy::http {

// Returns the first byte at or after `at` for which is_value() is false, or `end`.
const char* skip_value(const char* at, const char* end);

// Returns the first byte at or after `at` for which is_target() is false, or `end`.
const char* skip_target(const char* at, const char* end);

// Returns the length of the head at the start of `bytes`: the first empty line ends it (RFC 9112 section 2.1). Returns
// npos if there is no empty line whose predecessor ends at `from` or later.
std::size_t find_head_end(std::string_view bytes, std::size_t from);

} // namespace weir::proxy::http
