// Patterns of paths, as the shell has them.
//
// Thread: any; blocks on the disk.
// Lifetime: the result owns its text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

inline bool is_pattern(std::string_view text) { return text.find_first_of("*?[") != text.npos; }

enum class Matching { files, directories };

// What is there and matches. A directory on the way that does not exist has nothing in it. Where one cannot be read,
// `why` says so of files, and directories are those that can be found.
std::vector<std::string> glob_paths(const std::string& pattern, Matching matching, std::string& why);

} // namespace weir::conf
