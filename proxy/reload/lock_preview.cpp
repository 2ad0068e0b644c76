#include "proxy/reload/lock_preview.h"

#include "conf/model/units.h"

#include <unistd.h>

namespace weir::proxy {

namespace {

std::string describe_holder(const std::string& holder, const std::string& wait) {
    return "the lock is held by " + holder + ": a reload waits for it for at most " + wait +
           " (reload.lock.wait), and is then refused";
}

} // namespace

boost::asio::awaitable<LockPreview> preview_lock(FleetAgent& fleet, ReloadLock& lock, conf::LockSettings settings) {
    LockPreview preview;
    const auto records = fleet.records();
    const auto wait = conf::format(settings.wait);
    if (!records) { // a local lock; a change of this process itself is reported as under way
        const auto holder = co_await lock.find_local_holder();
        if (holder && holder->pid != ::getpid()) preview.note = describe_holder(holder->text(), wait);
        co_return preview;
    }
    const auto view = co_await records->view();
    if (view && !view->holder.empty()) preview.note = describe_holder(view->holder, wait);
    if (view) co_return preview;
    const auto problem = "the lock servers do not answer: " + view.error().message();
    if (settings.on_unavailable == conf::OnUnavailable::proceed)
        preview.note = problem + "; a reload waits for them for " + wait +
                       ", then continues without the lock (reload.lock.on_unavailable: proceed)";
    else
        preview.obstacle =
            problem + "; a reload waits for them for " + wait + " (reload.lock.wait), then it is refused";
    co_return preview;
}

} // namespace weir::proxy
