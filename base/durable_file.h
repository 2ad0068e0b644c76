// Replaces a small file atomically: after a power failure at any moment, the file has either its complete old or its
// complete new content. Writes to a temporary file, syncs it, renames it, and syncs the directory.
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

// Returns the contents of a file, truncated to `most` bytes. The error has the system's code, such as ENOENT for a
// missing file, or EINVAL if it is not a regular file.
Result<std::string> read_whole_file(const std::string& path, std::size_t most = std::string::npos);

} // namespace weir
