#include "proxy/admin/fleet_status.h"

#include "base/iso_time.h"
#include "lock/fleet/fleet_drift.h"

#include <boost/json.hpp>

#include <set>

namespace weir::proxy::admin {

namespace json = boost::json;

json::object to_json(const lock::FleetView& view, const std::string& own_hash) {
    json::array members, bad, changes, versions;
    std::set<std::string> hashes;
    for (const auto& m : view.members) {
        hashes.insert(m.hash);
        members.push_back({{"name", m.name},
                           {"version", m.version},
                           {"hash", m.hash},
                           {"fence", m.fence},
                           {"state", to_word(m.state)},
                           {"healthy_percent", m.healthy},
                           {"silent_ms", m.silent_ms},
                           {"pushed_version", m.pushed_version},
                           {"takes_pushed", m.takes_pushed},
                           {"refused", m.refused},
                           {"reason", m.reason},
                           {"same_as_here", m.hash == own_hash}});
    }
    for (const auto& b : view.denylist)
        bad.push_back({{"hash", b.hash}, {"reason", b.reason}, {"author", b.author}, {"since", to_iso(b.since)}});
    for (const auto& c : view.changes)
        changes.push_back({{"fence", c.fence},
                           {"hash", c.hash},
                           {"member", c.member},
                           {"verdict", to_word(c.verdict)},
                           {"reason", c.reason},
                           {"at", to_iso(c.at)},
                           {"took_ms", c.took_ms}});
    for (const auto& v : view.versions)
        versions.push_back({{"version", v.number}, {"hash", v.hash}, {"author", v.author}, {"at", to_iso(v.at)}});
    json::object lock{{"held", !view.holder.empty()}, {"fence", view.fence}};
    lock["parallel_holders"] = json::array(view.parallel.begin(), view.parallel.end());
    if (!view.holder.empty()) {
        lock["holder"] = view.holder;
        lock["held_for_ms"] = view.held_for_ms;
        lock["lease_left_ms"] = view.lease_left_ms;
    }
    return {{"lock", std::move(lock)},
            {"drift", hashes.size() > 1},
            {"drift_warning", lock::describe_drift(view).value_or("")},
            {"members", std::move(members)},
            {"denylist", std::move(bad)},
            {"changes", std::move(changes)},
            {"versions", std::move(versions)}};
}

} // namespace weir::proxy::admin
