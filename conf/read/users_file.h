// Reads files of users and their passwords, as `htpasswd` writes them: a line "user:hash" for each user.
//
// Thread: any; blocks on the disk.
// Lifetime: the results own their texts.
#pragma once

#include "base/result.h"
#include "conf/base/config_error.h"
#include "conf/model/config.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

inline constexpr std::size_t max_users_bytes = 16 * 1024 * 1024;

// The hash of each user's password, as crypt(5) describes it.
using Users = std::map<std::string, std::string, std::less<>>;

// The users in each file, by path.
using UsersFiles = std::map<std::string, std::shared_ptr<const Users>>;

// Parses the text of a file. Empty lines and lines that begin with '#' are left out. An error names the line and the
// remedy: no colon, an empty or repeated name, or a hash that is neither bcrypt, SHA-crypt nor yescrypt.
Result<Users> parse_users(std::string_view text);

// Reads the files that a configuration names. Adds a problem for each file that cannot be used.
UsersFiles read_users_files(const Config& config, std::vector<Problem>& problems);

// Returns the paths of the files that a configuration names.
std::vector<std::string> users_files(const Config& config);

} // namespace weir::conf
