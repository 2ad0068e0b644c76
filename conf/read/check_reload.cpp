#include "conf/read/checks.h"

#include <algorithm>
#include <tuple>

namespace weir::conf {
namespace {

// Returns whether the URL has the form SCHEME://HOST[:PORT][/REST]. It is as strict as the parser of the lock: a URL
// that passes here must not fail there.
bool is_server_url(std::string_view url, std::string_view scheme) {
    if (!url.starts_with(scheme)) return false;
    url.remove_prefix(scheme.size());
    const auto slash = url.find('/');
    const auto rest = slash == std::string_view::npos ? std::string_view() : url.substr(slash + 1);
    auto host = url.substr(0, slash);
    const auto colon = host.rfind(':');
    if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
        if (!parse_whole(host.substr(colon + 1), 1, 65535)) return false;
        host = host.substr(0, colon);
    }
    const auto legal = [](unsigned char c) {
        return std::isalnum(c) || std::string_view("-_.:[]").find(static_cast<char>(c)) != std::string_view::npos;
    };
    const bool has_host = !host.empty() && host != "[]" && std::all_of(host.begin(), host.end(), legal);
    if (!has_host) return false;
    if (scheme == "sentinel://") return !rest.empty() && std::all_of(rest.begin(), rest.end(), legal);
    return rest.empty() || parse_whole(rest, 0, 9999);
}

bool is_sentinel(const RedisServer& server) { return server.url.starts_with("sentinel://"); }

void check_rollback(const Config& config, Checks& checks) {
    const auto& rollback = config.reload.rollback;
    if (!rollback) return;
    if (rollback->window > std::chrono::minutes(20)) checks.fail("reload.rollback.window", "at most 20m");
    for (const auto& pool : config.pools) {
        if (!pool.health_check) continue;
        const auto& check = *pool.health_check;
        const auto takes = check.interval * check.fall + check.timeout;
        if (rollback->window < takes)
            return checks.fail("reload.rollback.window", "pools." + pool.name + ".health_check needs up to " +
                                                             format(takes) +
                                                             " to detect a dead backend: make the window longer");
    }
}

void check_server(const LockSettings& lock, std::size_t index, Checks& checks) {
    const auto at = "reload.lock.servers[" + std::to_string(index) + "]";
    const auto& server = lock.servers[index];
    const bool tls = is_server_url(server.url, "rediss://");
    if (!tls && !is_server_url(server.url, "redis://") && !is_server_url(server.url, "sentinel://"))
        return checks.fail(at + ".url",
                           "write redis://HOST:PORT/DB, rediss://HOST:PORT/DB (TLS) or "
                           "sentinel://HOST:PORT/MASTER; credentials go into the keys username and password");
    if (!server.ca.empty() && !tls) checks.fail(at + ".ca", "has no effect without rediss://");
    const bool knows_sentinel = !server.sentinel_username.empty() || !server.sentinel_password.text.empty();
    if (knows_sentinel && !is_sentinel(server))
        checks.fail(at + ".sentinel_password", "has no effect without sentinel://");
    for (const auto& [name, username, secret] :
         {std::tuple(".username", &server.username, &server.password),
          std::tuple(".sentinel_username", &server.sentinel_username, &server.sentinel_password)})
        if (!username->empty() && secret->text.empty()) checks.fail(at + name, "needs a password as well");
    if (is_sentinel(server) && lock.type == LockType::redlock)
        checks.fail(at + ".url", "a redlock needs independent servers, but Sentinels lead to a single master");
    for (std::size_t i = 0; i < index; ++i)
        if (lock.servers[i].url == server.url)
            checks.fail(at + ".url", "duplicate: " + server.url + " is listed above");
}

void check_lock(const Config& config, Checks& checks) {
    const auto& lock = config.reload.lock;
    checks.name("reload.lock.fleet", lock.fleet);
    if (!lock.member.empty()) checks.name("reload.lock.member", lock.member);
    if (lock.ttl < Duration(1000))
        checks.fail("reload.lock.ttl", "at least 1s: the lease is renewed after a third of it");
    const auto count = lock.servers.size();
    if (lock.type == LockType::local && count > 0) checks.fail("reload.lock.servers", "has no effect with type: local");
    const bool sentinels = count > 0 && std::all_of(lock.servers.begin(), lock.servers.end(), is_sentinel);
    if (lock.type == LockType::redis && count != 1 && !sentinels)
        checks.fail("reload.lock.servers", "type: redis needs exactly one server, or only Sentinels");
    if (lock.type == LockType::redlock && count != 3 && count != 5)
        checks.fail("reload.lock.servers", "type: redlock needs 3 or 5 servers: a majority of them must be up");
    if (lock.type == LockType::local && lock.parallel != Parallel{})
        checks.fail("reload.lock.parallel", "has no effect with type: local");
    if (lock.type == LockType::local && config.reload.source == ConfigSource::fleet)
        checks.fail("reload.source", "lock: {type: local} has no fleet; name the fleet's servers in reload.lock");
    if (lock.replicas > 0 && lock.type != LockType::redis)
        checks.fail("reload.lock.replicas", "has no effect without type: redis");
    for (std::size_t i = 0; i < count; ++i) check_server(lock, i, checks);
}

} // namespace

void check_reload(const Config& config, Checks& checks) {
    check_rollback(config, checks);
    check_lock(config, checks);
}

} // namespace weir::conf
