#include "proxy/fleet/lock_factory.h"

#include "lock/lease/local_lock.h"
#include "lock/redis/redis_lock.h"
#include "lock/redis/redlock.h"

#include <unistd.h>

namespace weir::proxy {

std::vector<lock::RedisOptions> lock_servers(const conf::LockSettings& settings) {
    std::vector<lock::RedisOptions> servers;
    std::vector<std::string> sentinels;
    for (const auto& server : settings.servers) {
        const bool is_sentinel = server.url.starts_with("sentinel://");
        if (is_sentinel) sentinels.push_back(server.url);
        if (is_sentinel && sentinels.size() > 1) continue; // another sentinel of the same master
        lock::RedisOptions options;
        options.url = server.url;
        options.username = server.username;
        options.sentinel_username = server.sentinel_username;
        options.sentinel_password = server.sentinel_password.text;
        options.password = server.password.text;
        options.ca = server.ca;
        servers.push_back(std::move(options));
    }
    if (!sentinels.empty()) servers.at(0).sentinels = std::move(sentinels);
    return servers;
}

std::unique_ptr<lock::Lock> make_lock(boost::asio::any_io_executor executor, const conf::LockSettings& settings,
                                      const lock::AsyncFenceStore& fences, unsigned slot) {
    const lock::LeaseTerms terms{settings.fleet, settings.ttl, settings.replicas, slot};
    switch (settings.type) {
    case conf::LockType::redis:
        return std::make_unique<lock::RedisLock>(executor, lock_servers(settings).at(0), terms, fences);
    case conf::LockType::redlock:
        return std::make_unique<lock::Redlock>(executor, lock_servers(settings), terms, fences);
    case conf::LockType::local: break;
    }
    return std::make_unique<lock::LocalLock>(fences);
}

std::string member_name(const conf::LockSettings& settings) {
    if (!settings.member.empty()) return settings.member;
    char host[256] = "unknown";
    ::gethostname(host, sizeof host - 1);
    return host;
}

} // namespace weir::proxy
