#include "proxy/reload/reload_preview.h"

#include "conf/model/units.h"

#include <filesystem>

#include <unistd.h>

namespace weir::proxy {

namespace {

void note_holder(ReloadPreview& preview, const std::string& holder, const std::string& wait) {
    preview.notes.push_back("the lock is held by " + holder + ": a reload waits for it for at most " + wait +
                            " (reload.lock.wait), and is then refused");
}

} // namespace

boost::asio::awaitable<void> preview_lock(ReloadPreview& preview, FleetAgent& fleet, ReloadLock& lock,
                                          const conf::LockSettings& settings, const std::string& advice) {
    const auto records = fleet.records();
    const auto wait = conf::format(settings.wait);
    if (!records) { // a local lock; a change of this process itself is reported as under way
        const auto holder = co_await lock.find_local_holder();
        if (holder && holder->pid != ::getpid()) note_holder(preview, holder->text(), wait);
        co_return;
    }
    const auto view = co_await records->view();
    if (view && !view->holder.empty()) note_holder(preview, view->holder, wait);
    if (view) co_return;
    const auto problem = "the lock servers do not answer: " + view.error().message();
    if (settings.on_unavailable == conf::OnUnavailable::proceed)
        preview.notes.push_back(problem + "; a reload waits for them for " + wait +
                                ", then continues without the lock (reload.lock.on_unavailable: proceed)");
    else
        preview.report.refuse_for_now(problem + "; a reload waits for them for " + wait +
                                      " (reload.lock.wait), then it is refused" + advice);
}

std::string restart_note(const conf::Process& process) {
    return "restart weir to apply the changes that need it: open connections have " +
           conf::format(process.drain_timeout) +
           " (process.drain_timeout) to finish, and clients are refused until weir has started again";
}

bool is_same_path(const std::string& a, const std::string& b) {
    const auto whole = [](const std::string& path) {
        std::error_code error;
        return std::filesystem::absolute(path, error).lexically_normal();
    };
    return whole(a) == whole(b);
}

} // namespace weir::proxy
