#include "conf/store/last_good.h"
#include "lock/fleet/fleet_configs.h"
#include "proxy/cli/commands.h"
#include "proxy/cli/config_errors.h"
#include "proxy/cli/json_text.h"
#include "proxy/cli/rollout.h"
#include "proxy/cli/target.h"

#include <iostream>
#include <thread>

#include <unistd.h>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

constexpr auto rollout_interval = std::chrono::milliseconds(200);
constexpr std::chrono::seconds max_silence{20}; // without a response

bool is_terminal() { return ::isatty(STDOUT_FILENO) != 0; }

// Shows a status line on a terminal; the next one replaces it.
void show_moment(const std::string& text) {
    if (::isatty(STDERR_FILENO)) std::cerr << "\r\033[K" << text << std::flush;
}

// Prints the progress of a change until every machine has finished it or it was rolled back.
ExitCode watch_rollout(const Admin& admin, const std::string& hash, std::uint64_t version) {
    Rollout rollout(hash, version);
    std::string problem;
    auto heard = std::chrono::steady_clock::now();
    for (; !rollout.is_over(); std::this_thread::sleep_for(rollout_interval)) {
        const auto answer = admin.call(AdminMethod::get, "/api/v1/fleet");
        const auto now = std::chrono::steady_clock::now();
        if (!answer || answer->status != 200) {
            problem = reason_of(answer, admin.endpoint);
            if (now - heard >= max_silence) break;
            continue;
        }
        heard = now;
        const auto steps = rollout.look(json::parse(answer->body).as_object());
        if (!steps.empty()) show_moment("");
        for (const auto& step : steps) std::cout << (is_terminal() ? to_text(step) : to_json_line(step)) << std::endl;
        if (!rollout.is_over()) show_moment(rollout.waits_for());
    }
    show_moment("");
    if (!rollout.is_over()) std::cerr << "weir: cannot follow the change any longer: " << problem << "\n";
    else if (!rollout.went_well()) std::cerr << "weir: " << rollout.reason() << "\n";
    return rollout.went_well() ? ExitCode::done : ExitCode::refused;
}

// Prints the response to a push or a rollback and then follows the change.
ExitCode report_and_follow(const Target& target, const json::value& answer, Push push) {
    const auto& report = answer.as_object();
    for (const auto& error : report.at("errors").as_array()) std::cerr << text_of(error) << "\n";
    if (!report.at("errors").as_array().empty()) return ExitCode::refused;
    if (is_terminal())
        for (const auto& change : report.at("changes").as_array()) std::cout << text_of(change.at("text")) << "\n";
    const auto* version = report.if_contains("version");
    const auto hash = text_of(report.at("hash"));
    if (!version) { // a dry run
        if (is_terminal()) std::cout << "nothing was pushed\n";
        else std::cout << json::serialize(report) << "\n";
        return ExitCode::done;
    }
    if (is_terminal())
        std::cout << "version " << *version << " (hash " << hash.substr(0, 12) << ") is pushed" << std::endl;
    else std::cout << json::serialize(json::object{{"version", *version}, {"hash", hash}}) << std::endl;
    const auto admin = find_admin(target);
    if (push == Push::and_leave || !admin) return ExitCode::done;
    return watch_rollout(*admin, hash, version->to_number<std::uint64_t>());
}

} // namespace

ExitCode fleet_push(const Target& target, const std::string& file, Push push) {
    const auto loaded = conf::load(file);
    // The machine that receives it validates it, with its own environment; here the files must only be complete.
    const bool whole = loaded.sources.size() == loaded.files.size() &&
                       std::none_of(loaded.errors.begin(), loaded.errors.end(),
                                    [](const conf::ConfigError& error) { return error.path == "include"; });
    if (!whole) {
        print_errors(loaded);
        return ExitCode::refused;
    }
    const auto text = conf::to_text(conf::LastGood{loaded.hash, loaded.sources});
    if (text.size() > lock::FleetConfigs::max_text_size) {
        std::cerr << "weir: " << file
                  << ": a fleet's configuration is limited to 512 KiB, including all its files; this one has "
                  << text.size() / 1024 << "\n";
        return ExitCode::refused;
    }
    Target at = target;
    if (at.config.empty() && at.admin.empty()) at.config = file; // the file names the process's address
    const auto* const path = push == Push::dry ? "/api/v1/fleet/push?dry=1" : "/api/v1/fleet/push";
    const auto answer = call(at, AdminMethod::post, path, text);
    return answer ? report_and_follow(at, *answer, push) : ExitCode::refused;
}

ExitCode fleet_rollback(const Target& target, Push push) {
    const auto* const path = push == Push::dry ? "/api/v1/fleet/rollback?dry=1" : "/api/v1/fleet/rollback";
    const auto answer = call(target, AdminMethod::post, path);
    return answer ? report_and_follow(target, *answer, push) : ExitCode::refused;
}

ExitCode fleet_follow(const Target& target, std::string hash) {
    const auto answer = call(target, AdminMethod::get, "/api/v1/fleet");
    const auto admin = answer ? find_admin(target) : std::nullopt;
    if (!admin) return ExitCode::refused;
    const auto& fleet = answer->as_object();
    const auto& versions = fleet.at("versions").as_array();
    const auto& changes = fleet.at("changes").as_array();
    std::uint64_t version = 0;
    if (hash.empty() && !versions.empty()) {
        hash = text_of(versions[0].at("hash"));
        version = versions[0].at("version").to_number<std::uint64_t>();
    }
    std::string found = version ? hash : "";
    for (const auto& change : changes) { // the last one, or the one with this hash prefix
        const auto known = text_of(change.at("hash"));
        if (found.empty() && !known.empty() && known.starts_with(hash)) found = known;
    }
    if (found.empty()) {
        std::cerr << "weir: " << (hash.empty() ? "this fleet has no changes yet" : "no change of " + hash + " is known")
                  << "\n";
        return ExitCode::refused;
    }
    hash = found;
    return watch_rollout(*admin, hash, version);
}

} // namespace weir::proxy::cli
