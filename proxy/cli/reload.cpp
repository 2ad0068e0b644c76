#include "conf/model/units.h"
#include "proxy/cli/commands.h"
#include "proxy/cli/json_text.h"
#include "proxy/cli/target.h"

#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <thread>

#include <unistd.h>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

constexpr auto progress_interval = std::chrono::milliseconds(250);
constexpr std::chrono::seconds longest_look{1};  // at the progress: the end of the command waits for it
constexpr std::chrono::minutes longest_wait{35}; // for a verdict, because the lock and the window may take long

// Formats the progress of a canary as one line: "canary window, 12 s left: web 3/3, api 1/2".
std::string progress_line(const json::object& status) {
    const auto* left = status.at("reload").as_object().if_contains("watched_for_ms");
    if (!left) return {};
    auto line = "canary window, " + std::to_string((left->to_number<std::int64_t>() + 999) / 1000) + " s left:";
    for (const auto& pool : status.at("pools").as_array()) {
        const auto& backends = pool.at("backends").as_array();
        const auto up = std::count_if(backends.begin(), backends.end(),
                                      [](const json::value& b) { return b.at("state").as_string() == "up"; });
        line += " " + text_of(pool.at("name")) + " " + std::to_string(up) + "/" + std::to_string(backends.size());
    }
    return line;
}

// Shows the progress on a terminal until it is destroyed.
class Progress {
public:
    explicit Progress(Admin admin) {
        admin.timeout = std::min<std::chrono::milliseconds>(admin.timeout, longest_look);
        thread_ = std::thread([this, admin = std::move(admin)] { show(admin); });
    }
    ~Progress() {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
        }
        ended_.notify_one();
        thread_.join();
    }

private:
    void show(const Admin& admin) {
        std::unique_lock lock(mutex_);
        while (!ended_.wait_for(lock, progress_interval, [this] { return over_; })) {
            lock.unlock();
            const auto answer = admin.call(AdminMethod::get, "/api/v1/status");
            if (answer && answer->status == 200)
                std::cerr << "\r\033[K" << progress_line(json::parse(answer->body).as_object()).substr(0, 100)
                          << std::flush;
            lock.lock();
        }
        std::cerr << "\r\033[K" << std::flush;
    }

    std::mutex mutex_;
    std::condition_variable ended_;
    bool over_ = false;
    std::thread thread_;
};

// While the verdict is awaited, checks on a separate connection whether the process still responds.
void watch_process(Admin& admin) {
    auto other = admin;
    other.timeout = std::min<std::chrono::milliseconds>(admin.timeout, default_timeout);
    admin.check_process = [other]() -> Result<void> {
        const auto alive = other.call(AdminMethod::get, "/healthz");
        if (alive) return {};
        const auto limit = conf::format(std::chrono::duration_cast<conf::Duration>(other.timeout));
        return Error("the weir at " + other.endpoint.text() + " has stopped answering while its verdict was awaited (" +
                     (is_nothing_there(alive.error()) ? "nothing listens there any more"
                                                      : "/healthz got no response within " + limit) +
                     "): whether the change is in force is not known; see weir status once it answers again");
    };
}

ExitCode print_report(const json::object& report) {
    const auto verdict = text_of(report.at("verdict"));
    for (const auto& warning : report.at("warnings").as_array()) std::cerr << "warning: " << text_of(warning) << "\n";
    for (const auto& error : report.at("errors").as_array()) std::cerr << text_of(error) << "\n";
    if (verdict == "applied")
        for (const auto& change : report.at("changes").as_array()) std::cout << text_of(change.at("text")) << "\n";
    std::cout << verdict << " (hash " << text_of(report.at("hash")).substr(0, 12) << ", fence " << report.at("fence")
              << ", " << report.at("took_ms") << " ms)\n";
    const bool well = verdict == "applied" || verdict == "unchanged";
    return well ? ExitCode::done : ExitCode::refused;
}

} // namespace

ExitCode reload(const Target& target, WaitFor wait, Force force) {
    std::string path = "/api/v1/reload?";
    if (wait == WaitFor::verdict) path += "wait=1&";
    if (force == Force::yes) path += "force=1&";
    path.pop_back();
    auto admin = find_admin(target);
    if (!admin) return ExitCode::refused;
    std::optional<Progress> progress;
    if (wait == WaitFor::verdict) {
        if (!target.timeout) {
            // The health check finds a stopped process at once; a live one may take long for its verdict.
            if (const auto alive = admin->call(AdminMethod::get, "/healthz"); !alive) {
                std::cerr << "weir: " << alive.error().message() << "\n";
                return ExitCode::refused;
            }
        }
        if (::isatty(STDERR_FILENO)) progress.emplace(*admin);
        watch_process(*admin);
        admin->timeout = target.timeout.value_or(longest_wait);
    }
    const auto report = call(*admin, AdminMethod::post, path);
    progress.reset();
    if (!report) return ExitCode::refused;
    if (wait == WaitFor::verdict) return print_report(report->as_object());
    std::cout << "reload requested\n";
    return ExitCode::done;
}

ExitCode abort_reload(const Target& target) {
    auto admin = find_admin(target);
    if (!admin) return ExitCode::refused;
    const auto report = call(*admin, AdminMethod::post, "/api/v1/reload/abort");
    if (!report) return ExitCode::refused;
    const auto verdict = text_of(report->at("verdict"));
    for (const auto& error : report->at("errors").as_array()) std::cout << text_of(error) << "\n";
    std::cout << verdict << " (hash " << text_of(report->at("hash")).substr(0, 12) << ")\n";
    return verdict == "rolled_back" ? ExitCode::done : ExitCode::refused;
}

} // namespace weir::proxy::cli
