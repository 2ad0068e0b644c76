#include "proxy/cli/watch.h"

#include "base/iso_time.h"
#include "base/result.h"
#include "conf/model/units.h"
#include "proxy/cli/json_text.h"
#include "proxy/process/exit_code.h"

#include <csignal>
#include <iostream>
#include <thread>

#include <unistd.h>

namespace weir::proxy::cli {

namespace json = boost::json;
using std::chrono::system_clock;

namespace {

constexpr const char* clear_screen = "\033[H\033[2J";

Result<json::value> ask(const Admin& admin, const std::string& path) {
    const auto response = admin.call(AdminMethod::get, path);
    if (response && response->status == 200) {
        boost::system::error_code bad;
        auto value = json::parse(response->body, bad);
        if (!bad && value.is_object()) return value;
    }
    return Error(reason_of(response, admin.endpoint));
}

} // namespace

ExitCode watch(const Target& target, const std::string& path, Output output, std::chrono::milliseconds interval,
               const std::function<std::string(const json::object&)>& to_text) {
    const auto admin = find_admin(target);
    if (!admin) return ExitCode::refused;
    std::signal(SIGINT, [](int) { ::_exit(static_cast<int>(ExitCode::done)); });
    const bool redraws = output == Output::text && ::isatty(STDOUT_FILENO);
    const auto pace = "every " + conf::format(std::chrono::duration_cast<conf::Duration>(interval));
    std::string last_answer;
    for (bool first = true; std::cout; first = false) {
        const auto answer = ask(*admin, path);
        const auto now = to_iso(system_clock::now());
        if (output == Output::json) {
            if (answer) std::cout << json::serialize(*answer) << std::endl;
            else std::cerr << "weir: " << answer.error().message() << "\n";
        } else {
            std::cout << (redraws ? clear_screen : first ? "" : "\n") << now << ", " << pace << "\n";
            if (answer) std::cout << to_text(answer->as_object());
            else
                std::cout << "weir: " << answer.error().message() << "; trying again"
                          << (last_answer.empty() ? "" : "; last response at " + last_answer) << "\n";
            std::cout << std::flush;
        }
        if (answer) last_answer = now;
        std::this_thread::sleep_for(interval);
    }
    return ExitCode::refused;
}

} // namespace weir::proxy::cli
