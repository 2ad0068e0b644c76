// Replacing a small file so that a power cut at any moment leaves the old one or the new one, whole: written aside,
// synced, renamed into place, and the directory synced.
//
// Thread: one at a time for a path; blocks on the disk.
// Lifetime: nothing is kept.
#pragma once

#include <boost/system/error_code.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace weir::conf {

// The new file is for its owner alone (0600).
boost::system::error_code replace_file(const std::string& path, std::string_view content);

// At most so many bytes of it. Unset, with errno in `error`, where it cannot be read; ENOENT where there is none.
std::optional<std::string> read_whole_file(const std::string& path, boost::system::error_code& error,
                                           std::size_t most = std::string::npos);

} // namespace weir::conf
