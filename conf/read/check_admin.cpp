#include "conf/read/checks.h"

namespace weir::conf {
namespace {

void check_address(const Config& config, Checks& checks) {
    const auto& admin = config.admin;
    if (!admin.address || admin.address->is_unix()) return;
    const auto& address = std::get<Address>(admin.address->where);
    if (!address.is_set()) return;
    for (const auto& listener : config.listeners)
        if (listener.address == address)
            checks.fail("admin.address", "duplicate address: listener " + listener.name + " has it");
    if (!address.is_loopback() && admin.token_file.empty())
        checks.fail(
            "admin.address",
            "the admin API needs a token on addresses other than loopback: add token_file, or listen on 127.0.0.1");
}

} // namespace

void check_admin(const Config& config, Checks& checks) {
    const auto& admin = config.admin;
    for (const auto& pool : config.pools)
        if (pool.health_check && pool.health_check->mode == CheckMode::push && !admin.address)
            checks.fail("pools." + pool.name + ".health_check.mode",
                        "heartbeats arrive through the admin API: add admin: {address: …}");
    check_address(config, checks);
    check_tls(admin, "admin", checks);
    if (!admin.read_token_file.empty() && admin.token_file.empty())
        checks.fail("admin.read_token_file",
                    "has no effect without token_file: without it, full access needs no token");
    for (std::size_t i = 0; i < admin.hosts.size(); ++i) {
        const auto at = "admin.hosts[" + std::to_string(i) + "]";
        checks.host(at, admin.hosts[i]);
        if (admin.hosts[i].starts_with("*.")) checks.fail(at, "write full host names: patterns are not supported here");
    }
}

} // namespace weir::conf
