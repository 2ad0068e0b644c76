// Replaces a small file atomically: after a power failure at any moment, either the complete old or the complete new
// file is there. Writes to a temporary file, syncs it, renames it, and syncs the directory.
//
// Thread: one at a time per path; blocks on the disk.
// Lifetime: keeps nothing.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace weir {

// Replaces `path`. Only the owner may access the new file (mode 0600). Fails if any step fails.
Result<void> replace_file(const std::string& path, std::string_view content);

// Reads at most `most` bytes of a file. The error has the code of the system, such as ENOENT for a missing file.
Result<std::string> read_whole_file(const std::string& path, std::size_t most = std::string::npos);

} // namespace weir
