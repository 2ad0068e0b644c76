// Suggestions for mistyped words.
//
// Thread: pure function.
// Lifetime: the result owns its text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

// Returns " (did you mean \"backends\"?)" for the nearest of `known`, or an empty text if none is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

} // namespace weir::conf
