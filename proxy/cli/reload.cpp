#include "proxy/cli/commands.h"
#include "proxy/cli/json_text.h"
#include "proxy/cli/target.h"
#include "proxy/process/process.h"

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <thread>

#include <unistd.h>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

constexpr auto glance = std::chrono::milliseconds(250);
constexpr std::chrono::minutes longest_wait{35}; // for a verdict, because the lock and the window may take long

// Formats the progress of a canary as one line: "watched for 12 s more: web 3/3, api 1/2".
std::string progress_line(const json::object& status) {
    const auto* left = status.at("reload").as_object().if_contains("watched_for_ms");
    if (!left) return {};
    auto line = "watched for " + std::to_string((left->to_number<std::int64_t>() + 999) / 1000) + " s more:";
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
    explicit Progress(const Admin& admin) : thread_([this, admin] { show(admin); }) {}
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
        while (!ended_.wait_for(lock, glance, [this] { return over_; })) {
            lock.unlock();
            const auto answer = admin.call(AdminMethod::get, "/api/v1/status");
            if (answer.status == 200)
                std::cerr << "\r\033[K" << progress_line(json::parse(answer.body).as_object()).substr(0, 100)
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

int print_report(const json::object& report) {
    const auto verdict = text_of(report.at("verdict"));
    if (const auto* warnings = report.if_contains("warnings")) // an older weir sends none
        for (const auto& warning : warnings->as_array()) std::cerr << "warning: " << text_of(warning) << "\n";
    for (const auto& error : report.at("errors").as_array()) std::cerr << text_of(error) << "\n";
    if (verdict == "applied")
        for (const auto& change : report.at("changes").as_array()) std::cout << text_of(change.at("text")) << "\n";
    std::cout << verdict << " (hash " << text_of(report.at("hash")).substr(0, 12) << ", fence " << report.at("fence")
              << ", " << report.at("took_ms") << " ms)\n";
    const bool well = verdict == "applied" || verdict == "unchanged";
    return static_cast<int>(well ? ExitCode::done : ExitCode::refused);
}

} // namespace

int reload(const Target& target, WaitFor wait, Force insist) {
    std::string path = "/api/v1/reload?";
    if (wait == WaitFor::verdict) path += "wait=1&";
    if (insist == Force::yes) path += "force=1&";
    path.pop_back();
    auto admin = find_admin(target);
    if (!admin) return static_cast<int>(ExitCode::refused);
    if (wait == WaitFor::verdict && !target.timeout) {
        // The health check finds a stopped process at once; a live one may take long for its verdict.
        if (const auto alive = admin->call(AdminMethod::get, "/healthz"); !alive.error.empty()) {
            std::cerr << "weir: " << alive.error << "\n";
            return static_cast<int>(ExitCode::refused);
        }
    }
    std::optional<Progress> progress;
    if (wait == WaitFor::verdict && ::isatty(STDERR_FILENO)) progress.emplace(*admin);
    if (wait == WaitFor::verdict) admin->timeout = target.timeout.value_or(longest_wait);
    const auto report = call(*admin, AdminMethod::post, path);
    progress.reset();
    if (!report) return static_cast<int>(ExitCode::refused);
    if (wait == WaitFor::verdict) return print_report(report->as_object());
    std::cout << "reload requested\n";
    return static_cast<int>(ExitCode::done);
}

int abort_reload(const Target& target) {
    auto admin = find_admin(target);
    if (!admin) return static_cast<int>(ExitCode::refused);
    const auto report = call(*admin, AdminMethod::post, "/api/v1/reload/abort");
    if (!report) return static_cast<int>(ExitCode::refused);
    const auto verdict = text_of(report->at("verdict"));
    for (const auto& error : report->at("errors").as_array()) std::cout << text_of(error) << "\n";
    std::cout << verdict << " (hash " << text_of(report->at("hash")).substr(0, 12) << ")\n";
    return static_cast<int>(verdict == "rolled_back" ? ExitCode::done : ExitCode::refused);
}

} // namespace weir::proxy::cli
