// Expands environment variables in a configuration: ${X}, ${X:-default}, and $$ for a dollar sign. As in a shell, a
// default may contain all of these: ${X:-${Y:-none}}.
//
// Thread: pure; calls `lookup` on the caller's thread.
// Lifetime: the result owns its text.
#pragma once

#include "base/result.h"
#include "conf/model/config.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

struct Expanded {
    std::string text;
    std::vector<Variable> variables; // the variables whose values `text` contains
};

// Returns the text with all variables expanded.
Result<Expanded> expand(std::string_view text, const Lookup& lookup);

// Returns the value of a variable in the environment of the process; unset if there is none.
std::optional<std::string> from_environment(const std::string& name);

} // namespace weir::conf
