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

// Returns true if the parameter has the value 1.
bool is_set(std::string_view target, std::string_view name);

// Returns the text with its percent-encoding decoded, or nothing if a "%" is not followed by two hexadecimal digits.
std::optional<std::string> decode(std::string_view text);

} // namespace weir::proxy::admin
