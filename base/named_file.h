// Reads files that a user names, such as token files and certificates.
//
// Thread: any; blocks on the disk.
// Lifetime: the result owns its text.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace weir {

// Returns the contents of a file. Fails if it is missing, unreadable or empty, or larger than `most` bytes. The errors
// name the file and the remedy; `content` is what the file should hold, such as "a private key".
Result<std::string> read_named_file(const std::string& path, std::string_view content, std::size_t most);

} // namespace weir
