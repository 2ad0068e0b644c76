#include "proxy/reload/denial.h"

#include "base/iso_time.h"

namespace weir::proxy {

std::string describe_denial(const conf::DeniedConfig& bad) {
    return "this configuration was rolled back at " + to_iso(bad.since) + ": " + bad.reason +
           "; change it, or override: weir reload --force";
}

std::string describe_denial(const lock::FleetDenylistEntry& bad) {
    return bad.author + " rolled this configuration back at " + to_iso(bad.since) + ": " + bad.reason +
           "; change it, unban it (weir fleet unban " + bad.hash.substr(0, 12) + "), or override: weir reload --force";
}

boost::asio::awaitable<void> learn_of_unban(StateStore& store, FleetAgent& fleet, std::string hash) {
    if (!store.find_bad(hash)) co_return;
    const auto verdict = co_await fleet.verdict(hash);
    const auto* bad = store.find_bad(hash);
    if (bad && bad->is_unbanned_by(verdict.unbanned_fence)) co_await store.unban(hash);
}

} // namespace weir::proxy
