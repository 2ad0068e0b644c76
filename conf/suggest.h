// "Did you mean …?" for a mistyped word.
//
// Thread: pure function.
// Lifetime: the result copies what it names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

// " (did you mean \"backends\"?)" for the nearest of `known`, or nothing where none is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

} // namespace weir::conf
