// The files that a configuration names and that take effect without a change of the configuration: those of the TLS
// settings, pages, and users.
//
// Thread: any; blocks on the disk.
// Lifetime: values.
#pragma once

#include "conf/base/hash.h"
#include "conf/model/config.h"

#include <string>
#include <vector>

namespace weir::conf {

// Returns the paths of these files.
std::vector<std::string> named_files(const Config& config);
// Returns a hash of the paths and bytes of all of them; empty if there are none.
std::string hash_named_files(const Config& config);
// Returns the hash of each page and each file of users.
FileHashes hash_pages_and_users(const Config& config);

} // namespace weir::conf
