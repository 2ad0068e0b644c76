// Files that a configuration names and that now hold something else than what is in force.
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include "conf/read/named_files.h"

#include <string>
#include <vector>

namespace weir::proxy {

struct FileChange {
    enum class Kind { certificate, tls_setting, page_or_users };
    Kind kind;
    std::string name;          // of a certificate: its owner and its first name; otherwise the path
    std::string before, after; // SHA-256 in hex: of a certificate its fingerprint; otherwise of the file
};

// Returns the files that have hashes in both and differ.
std::vector<FileChange> find_changed_files(const conf::FileHashes& in_force, const conf::FileHashes& next);

} // namespace weir::proxy
