#include "proxy/reload/lock_move.h"

namespace weir::proxy {

bool moves_lock(const conf::Config& in_force, const conf::Loaded& loaded) {
    if (!loaded.ok()) return false;
    const auto& from = in_force.reload.lock;
    const auto& to = loaded.config.reload.lock;
    return from.type != to.type || from.servers != to.servers;
}

bool may_go_unlocked(const conf::Config& in_force, const conf::Loaded& loaded, Force force) {
    const auto policy = in_force.reload.lock.on_unavailable;
    return policy == conf::OnUnavailable::proceed || (force == Force::yes && moves_lock(in_force, loaded));
}

} // namespace weir::proxy
