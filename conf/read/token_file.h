// Reads token files: the token is the first line, of at least 16 characters.
//
// Thread: any; blocks on the disk.
// Lifetime: the results own their texts.
#pragma once

#include "base/result.h"
#include "conf/base/config_error.h"
#include "conf/model/config.h"

#include <string>
#include <vector>

namespace weir::conf {

// Returns the token. An error says how to fix it; missing, unreadable and empty files and tokens that are too short
// have different messages.
Result<std::string> read_token(const std::string& path);

// The tokens of the admin API. Both are empty if the configuration names no token files.
struct AdminTokens {
    std::string full; // permits all requests
    std::string read; // permits requests that change nothing
};

// Reads the token files of the admin API, and appends errors to `problems`.
AdminTokens read_admin_tokens(const Admin& admin, std::vector<Problem>& problems);

// Returns the problems of all token files that a configuration names.
std::vector<Problem> check_token_files(const Config& config);

} // namespace weir::conf
