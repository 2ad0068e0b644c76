// The query of a request target, as in "…?wait=1&reason=a%20test".
//
// Thread: pure functions.
// Lifetime: views are valid as long as the target.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy::admin {

// Returns the undecoded value of a parameter, or nothing if it is absent.
std::optional<std::string_view> find_parameter(std::string_view target, std::string_view name);

bool is_set(std::string_view target, std::string_view name);

// Decodes percent-encoding. Returns nothing if two digits are not hexadecimal.
std::optional<std::string> decode(std::string_view text);

} // namespace weir::proxy::admin
