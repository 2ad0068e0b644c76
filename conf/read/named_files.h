// The files that a configuration names and that take effect without a change of the configuration: those of the TLS
// settings, pages, and users.
//
// Thread: any; blocks on the disk.
// Lifetime: values.
#pragma once

#include "conf/model/config.h"

#include <map>
#include <string>
#include <vector>

namespace weir::conf {

// SHA-256 in hex of files by path, or why a file could not be read.
using FileHashes = std::map<std::string, std::string>;

// Returns the paths of these files.
std::vector<std::string> named_files(const Config& config);
// Returns a hash of the paths and bytes of all of them; empty if there are none.
std::string hash_named_files(const Config& config);
// Returns the hash of each page and each file of users.
FileHashes hash_pages_and_users(const Config& config);

} // namespace weir::conf
