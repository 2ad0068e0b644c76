// Environment values in a configuration: ${X}, ${X:-default} and $$ for a dollar sign.
//
// Thread: pure; `lookup` is called on the caller's thread.
// Lifetime: the result owns its text.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace weir::conf {

using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

// The text with every value put in. On failure `why` names what is wrong.
std::string expand(std::string_view text, const Lookup& lookup, std::string& why);

// Looks a name up in the process's environment.
std::optional<std::string> from_environment(const std::string& name);

} // namespace weir::conf
