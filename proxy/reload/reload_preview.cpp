#include "proxy/reload/reload_preview.h"

#include "conf/model/units.h"

#include <filesystem>

namespace weir::proxy {

boost::asio::awaitable<void> preview_lock(ReloadPreview& preview, FleetAgent& fleet, const conf::LockSettings& settings,
                                          const std::string& advice) {
    const auto records = fleet.records();
    if (!records) co_return; // a local lock
    const auto wait = conf::format(settings.wait);
    const auto view = co_await records->view();
    if (view && !view->holder.empty())
        preview.notes.push_back("the lock is held by " + view->holder + ": a reload waits for it, for at most " + wait +
                                " (reload.lock.wait)");
    if (view) co_return;
    const auto problem = "the servers of the lock do not answer: " + records->problem();
    if (settings.on_unavailable == conf::OnUnavailable::proceed)
        preview.notes.push_back(problem + "; a reload waits for them for " + wait +
                                ", and goes on without the lock (reload.lock.on_unavailable: proceed)");
    else
        preview.report.refuse_for_now(problem + "; a reload waits for them for " + wait +
                                      " (reload.lock.wait), and is refused" + advice);
}

std::string restart_note(const conf::Process& process) {
    return "a restart of weir applies what needs one: open connections have " + conf::format(process.drain_timeout) +
           " (process.drain_timeout) to finish, and clients are refused until it has started";
}

bool is_same_path(const std::string& a, const std::string& b) {
    const auto whole = [](const std::string& path) {
        std::error_code error;
        return std::filesystem::absolute(path, error).lexically_normal();
    };
    return whole(a) == whole(b);
}

} // namespace weir::proxy
