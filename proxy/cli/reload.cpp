#include "proxy/cli/commands.h"
#include "proxy/cli/json_text.h"
#include "proxy/cli/target.h"
#include "proxy/process.h"

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <thread>

#include <unistd.h>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

constexpr auto glance = std::chrono::milliseconds(250);

// One line of how a watched change does: "watched for 12 s more: web 3/3, api 1/2".
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

// Shows the progress on a terminal until it goes.
class Progress {
public:
    explicit Progress(const Target& target) : thread_([this, target] { show(target); }) {}
    ~Progress() {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
        }
        ended_.notify_one();
        thread_.join();
    }

private:
    void show(const Target& target) {
        const auto admin = find_admin(target);
        if (!admin) return;
        std::unique_lock lock(mutex_);
        while (!ended_.wait_for(lock, glance, [this] { return over_; })) {
            lock.unlock();
            const auto answer = call_admin(admin->address, admin->token, AdminMethod::get, "/api/v1/status");
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
    for (const auto& error : report.at("errors").as_array()) std::cerr << text_of(error) << "\n";
    if (verdict == "applied")
        for (const auto& change : report.at("changes").as_array()) std::cout << text_of(change.at("text")) << "\n";
    std::cout << verdict << " (hash " << text_of(report.at("hash")).substr(0, 12) << ", fence " << report.at("fence")
              << ", " << report.at("took_ms") << " ms)\n";
    const bool well = verdict == "applied" || verdict == "unchanged";
    return static_cast<int>(well ? ExitCode::done : ExitCode::refused);
}

} // namespace

int reload(const Target& target, WaitFor wait, Insist insist) {
    std::string path = "/api/v1/reload?";
    if (wait == WaitFor::verdict) path += "wait=1&";
    if (insist == Insist::yes) path += "force=1&";
    path.pop_back();
    std::optional<Progress> progress;
    if (wait == WaitFor::verdict && ::isatty(STDERR_FILENO)) progress.emplace(target);
    const auto answer = call(target, AdminMethod::post, path);
    progress.reset();
    if (!answer) return static_cast<int>(ExitCode::refused);
    if (wait == WaitFor::verdict) return print_report(json::parse(answer->body).as_object());
    std::cout << "reload requested\n";
    return static_cast<int>(ExitCode::done);
}

} // namespace weir::proxy::cli
