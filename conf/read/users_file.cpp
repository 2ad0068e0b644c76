#include "conf/read/users_file.h"

#include "base/named_file.h"

#include <algorithm>
#include <array>

#include <crypt.h>

namespace weir::conf {
namespace {

constexpr const char* needed = "a line \"user:hash\" for each user (htpasswd -B FILE USER)";

// bcrypt, SHA-256, SHA-512 and yescrypt.
constexpr std::array<std::string_view, 6> prefixes{"$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$"};

bool is_usable(const std::string& hash) {
    const auto begins = [&](std::string_view prefix) { return hash.starts_with(prefix); };
    if (std::none_of(prefixes.begin(), prefixes.end(), begins)) return false;
    // The end of a setting is the hash itself, which is longer than any salt.
    return hash.size() > 40 && ::crypt_checksalt(hash.c_str()) == CRYPT_SALT_OK;
}

} // namespace

Result<Users> parse_users(std::string_view text) {
    Users users;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.front() == '#') continue;
        const auto at = "line " + std::to_string(number) + ": ";
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0) return Error(at + "write \"user:hash\" (htpasswd -B)");
        const std::string hash(line.substr(colon + 1, line.find(':', colon + 1) - colon - 1));
        if (!is_usable(hash))
            return Error(at +
                         "the password is not hashed with bcrypt, SHA-crypt or yescrypt: write it with htpasswd -B");
        if (!users.emplace(line.substr(0, colon), hash).second)
            return Error(at + "the user \"" + std::string(line.substr(0, colon)) + "\" has a line already");
    }
    return users;
}

UsersFiles read_users_files(const Config& config, std::vector<Problem>& problems) {
    UsersFiles files;
    for (std::size_t i = 0; i < config.routes.size(); ++i) {
        const auto& auth = config.routes[i].basic_auth;
        if (!auth || files.contains(auth->users_file)) continue;
        const auto place = "routes[" + std::to_string(i) + "].basic_auth.users_file";
        const auto text = read_named_file(auth->users_file, needed, max_users_bytes);
        if (!text) {
            problems.push_back({place, text.error().message()});
            continue;
        }
        auto users = parse_users(*text);
        if (users) files[auth->users_file] = std::make_shared<const Users>(*std::move(users));
        else problems.push_back({place, auth->users_file + ", " + users.error().message()});
    }
    return files;
}

std::vector<std::string> users_files(const Config& config) {
    std::vector<std::string> files;
    for (const auto& route : config.routes)
        if (route.basic_auth) files.push_back(route.basic_auth->users_file);
    return files;
}

} // namespace weir::conf
