#include "proxy/reload/reload_parts.h"

#include <utility>

namespace weir::proxy {

namespace {

constexpr std::chrono::seconds disk_timeout{3};

} // namespace

ReloadParts::ReloadParts(boost::asio::io_context& control, Runtime& what_is_in_force, std::string path,
                         const std::string& state_dir, ConfigFiles& files)
    : runtime(what_is_in_force), store(state_dir, path), membership(control, runtime, state, store),
      next(runtime, membership.agent(), std::move(path), files),
      canary(control, runtime, store, membership.agent(), state), lock(control, membership.agent(), store.fences()),
      locked(control, runtime, store, membership, next, canary, lock, state),
      change(control, runtime, store, membership, next, canary, locked, state),
      previewer(control, runtime, store, membership, next, lock, locked, canary.window(), state) {}

void ReloadParts::close(Presence presence) {
    state.is_stopping = true;
    canary.close();
    fleet().stop(presence);
}

bool ReloadParts::wait_idle() { return store.disk().wait_idle(disk_timeout) && next.disk().wait_idle(disk_timeout); }

} // namespace weir::proxy
