// The files that routes and pools send as bodies: error pages and fixed responses.
//
// Thread: any; blocks on the disk.
// Lifetime: the pages own their texts.
#pragma once

#include "conf/base/config_error.h"
#include "conf/model/config.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::conf {

inline constexpr std::size_t max_page_bytes = 1024 * 1024;

// The contents of the files, by path.
using PageFiles = std::map<std::string, std::shared_ptr<const std::string>>;

// Reads the files that a configuration names. Adds a problem for each file that cannot be read or is too large.
PageFiles read_page_files(const Config& config, std::vector<Problem>& problems);

// Returns the paths of the files that a configuration names.
std::vector<std::string> page_files(const Config& config);

} // namespace weir::conf
