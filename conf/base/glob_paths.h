// Expands path patterns as the shell does.
//
// Thread: any; blocks on the disk.
// Lifetime: the result owns its text.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

inline bool is_pattern(std::string_view text) { return text.find_first_of("*?[") != text.npos; }

enum class Matching { files, directories };

// Returns the paths that match. A missing directory has no matches. If a directory cannot be read, a search for files
// fails; a search for directories skips that directory.
Result<std::vector<std::string>> glob_paths(const std::string& pattern, Matching matching);

} // namespace weir::conf
