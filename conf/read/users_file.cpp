#include "conf/read/users_file.h"

#include "base/named_file.h"

#include <algorithm>

#include <crypt.h>

namespace weir::conf {
namespace {

constexpr const char* needed = "a line \"user:hash\" for each user (htpasswd -cB FILE USER)";

enum class HashUse { usable, unknown, too_costly };

// Returns the number at the front of a text; 0 if there is none.
unsigned number_at(std::string_view text) {
    unsigned number = 0;
    for (std::size_t i = 0; i < text.size() && i < 9 && text[i] >= '0' && text[i] <= '9'; ++i)
        number = number * 10 + static_cast<unsigned>(text[i] - '0');
    return number;
}

// bcrypt: "$2y$COST$" and 53 characters. Each step of the cost doubles the time; 16 takes some seconds.
HashUse judge_bcrypt(std::string_view hash) {
    if (hash.size() != 60) return HashUse::unknown;
    return number_at(hash.substr(4)) > 16 ? HashUse::too_costly : HashUse::usable;
}

// SHA-crypt: "$5$" or "$6$", perhaps "rounds=N$", a salt, and the hash of this length.
HashUse judge_sha(std::string_view hash, std::size_t length) {
    if (hash.size() - hash.rfind('$') - 1 != length) return HashUse::unknown;
    constexpr std::string_view rounds = "rounds=";
    const auto rest = hash.substr(3);
    const bool is_costly = rest.starts_with(rounds) && number_at(rest.substr(rounds.size())) > 5'000'000;
    return is_costly ? HashUse::too_costly : HashUse::usable;
}

// yescrypt: "$y$j", a digit for the cost, more parameters, a salt, and 43 characters. Up to 64 MiB of memory each.
HashUse judge_yescrypt(std::string_view hash) {
    if (hash.size() - hash.rfind('$') - 1 != 43 || !hash.starts_with("$y$j")) return HashUse::unknown;
    const char cost = hash[4]; // '.', '/', '0' to '9', 'A' to 'Z', 'a' to 'z'
    return cost <= 'B' ? HashUse::usable : HashUse::too_costly;
}

HashUse judge(const std::string& hash) {
    auto use = HashUse::unknown;
    for (const auto* prefix : {"$2a$", "$2b$", "$2y$"})
        if (hash.starts_with(prefix)) use = judge_bcrypt(hash);
    if (hash.starts_with("$5$")) use = judge_sha(hash, 43);
    if (hash.starts_with("$6$")) use = judge_sha(hash, 86);
    if (hash.starts_with("$y$")) use = judge_yescrypt(hash);
    if (use == HashUse::usable && ::crypt_checksalt(hash.c_str()) != CRYPT_SALT_OK) return HashUse::unknown;
    return use;
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
        const auto use = judge(hash);
        if (use == HashUse::unknown)
            return Error(at + "unsupported password hash: use bcrypt (htpasswd -B), SHA-crypt or yescrypt");
        if (use == HashUse::too_costly)
            return Error(at + "checking this hash would take too long: write it with a lower cost (htpasswd -B -C 10)");
        if (!users.emplace(line.substr(0, colon), hash).second)
            return Error(at + "duplicate user \"" + std::string(line.substr(0, colon)) + "\"");
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
