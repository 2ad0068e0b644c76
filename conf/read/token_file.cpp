#include "conf/read/token_file.h"

#include "base/named_file.h"

namespace weir::conf {
namespace {

constexpr std::size_t min_length = 16, max_token_file_bytes = 64 * 1024;

std::string read_token_at(const std::string& path, const std::string& key, std::vector<Problem>& problems) {
    if (path.empty()) return {};
    auto token = read_token(path);
    if (token) return *std::move(token);
    problems.push_back({key, token.error().message()});
    return {};
}

} // namespace

Result<std::string> read_token(const std::string& path) {
    const auto needed = "a token of at least " + std::to_string(min_length) + " characters in its first line";
    const auto text = read_named_file(path, needed, max_token_file_bytes);
    if (!text) return text.error();
    auto line = text->substr(0, text->find('\n'));
    if (line.ends_with('\r')) line.pop_back();
    if (line.size() >= min_length) return line;
    if (line.empty()) return Error("the first line of " + path + " is empty; write " + needed);
    return Error("the token in " + path + " has only " + std::to_string(line.size()) + " characters; write " + needed);
}

AdminTokens read_admin_tokens(const Admin& admin, std::vector<Problem>& problems) {
    AdminTokens tokens{read_token_at(admin.token_file, "admin.token_file", problems),
                       read_token_at(admin.read_token_file, "admin.read_token_file", problems)};
    if (!tokens.full.empty() && tokens.full == tokens.read)
        problems.push_back({"admin.read_token_file", "contains the same token as token_file, which permits everything; "
                                                     "use a different token"});
    return tokens;
}

std::vector<Problem> check_token_files(const Config& config) {
    std::vector<Problem> problems;
    read_admin_tokens(config.admin, problems);
    for (const auto& pool : config.pools)
        if (pool.health_check && pool.health_check->mode == CheckMode::push)
            read_token_at(pool.health_check->token_file, "pools." + pool.name + ".health_check.token_file", problems);
    return problems;
}

} // namespace weir::conf
