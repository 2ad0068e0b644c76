// Files that hold a secret: its first line, of at least 16 characters.
//
// Thread: any; blocks on the disk.
// Lifetime: the result owns its text.
#pragma once

#include <string>

namespace weir::conf {

// Empty, with the reason in `why`, where there is none.
std::string read_token(const std::string& path, std::string& why);

} // namespace weir::conf
