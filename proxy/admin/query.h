// The query of a request's target: "…?wait=1&why=a%20test".
//
// Thread: pure functions.
// Lifetime: views last as long as the target.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy::admin {

// The value of a parameter, as it stands there; unset where it does not.
std::optional<std::string_view> find_parameter(std::string_view target, std::string_view name);

bool is_set(std::string_view target, std::string_view name);

// %3A and the like; unset where the two digits are none.
std::optional<std::string> decode(std::string_view text);

} // namespace weir::proxy::admin
