#include "conf/last_good.h"
#include "lock/fleet_configs.h"
#include "proxy/cli/commands.h"
#include "proxy/cli/json_text.h"
#include "proxy/cli/rollout.h"
#include "proxy/cli/target.h"
#include "proxy/process.h"

#include <iostream>
#include <thread>

#include <unistd.h>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

constexpr int done = static_cast<int>(ExitCode::done), refused = static_cast<int>(ExitCode::refused);
constexpr auto glance = std::chrono::milliseconds(200);
constexpr int most_silent = 100; // looks without an answer

bool is_terminal() { return ::isatty(STDOUT_FILENO) != 0; }

// On a terminal the line is for the moment, and goes with the next one.
void show_moment(const std::string& text) {
    if (::isatty(STDERR_FILENO)) std::cerr << "\r\033[K" << text << std::flush;
}

// Says how a change goes through the fleet until every machine is through with it, or it has been taken back.
int watch_rollout(const Admin& admin, const std::string& hash, std::uint64_t version) {
    Rollout rollout(hash, version);
    std::string problem;
    for (int silent = 0; !rollout.is_over() && silent < most_silent; std::this_thread::sleep_for(glance)) {
        const auto answer = call_admin(admin.address, admin.token, AdminMethod::get, "/api/v1/fleet");
        silent = answer.status == 200 ? 0 : silent + 1;
        problem = answer.error.empty() ? answer.body : answer.error;
        if (answer.status != 200) continue;
        const auto steps = rollout.look(json::parse(answer.body).as_object());
        if (!steps.empty()) show_moment("");
        for (const auto& step : steps) std::cout << (is_terminal() ? to_text(step) : to_json_line(step)) << std::endl;
        if (!rollout.is_over()) show_moment(rollout.waits_for());
    }
    show_moment("");
    if (!rollout.is_over()) std::cerr << "weir: the fleet can no longer be watched: " << problem << "\n";
    else if (!rollout.went_well()) std::cerr << "weir: " << rollout.why() << "\n";
    return rollout.went_well() ? done : refused;
}

// What a push or a rollback was answered.
int tell_and_watch(const Target& target, const AdminAnswer& answer, Push push) {
    const auto report = json::parse(answer.body).as_object();
    if (const auto* error = report.if_contains("error")) {
        std::cerr << "weir: " << text_of(*error) << "\n";
        return refused;
    }
    for (const auto& error : report.at("errors").as_array()) std::cerr << text_of(error) << "\n";
    if (!report.at("errors").as_array().empty()) return refused;
    if (is_terminal())
        for (const auto& change : report.at("changes").as_array()) std::cout << text_of(change.at("text")) << "\n";
    const auto* version = report.if_contains("version");
    const auto hash = text_of(report.at("hash"));
    if (!version) { // only to see what it would change
        if (is_terminal()) std::cout << "nothing is pushed\n";
        else std::cout << json::serialize(report) << "\n";
        return done;
    }
    if (is_terminal())
        std::cout << "version " << *version << " (hash " << hash.substr(0, 12) << ") is pushed" << std::endl;
    else std::cout << json::serialize(json::object{{"version", *version}, {"hash", hash}}) << std::endl;
    const auto admin = find_admin(target);
    if (push == Push::and_leave || !admin) return done;
    return watch_rollout(*admin, hash, version->to_number<std::uint64_t>());
}

} // namespace

int fleet_push(const Target& target, const std::string& file, Push push) {
    const auto loaded = conf::load(file);
    // The machine that is asked checks it, with its own environment; here it only has to be whole.
    const bool whole = loaded.sources.size() == loaded.files.size() &&
                       std::none_of(loaded.errors.begin(), loaded.errors.end(),
                                    [](const conf::Error& error) { return error.path == "include"; });
    if (!whole) {
        for (const auto& error : loaded.errors) std::cerr << error.text() << "\n";
        return refused;
    }
    const auto text = conf::to_text(conf::LastGood{loaded.hash, loaded.sources});
    if (text.size() > lock::FleetConfigs::largest) {
        std::cerr << "weir: " << file
                  << ": a fleet's configuration has at most 512 KiB, with all its files; this one has "
                  << text.size() / 1024 << "\n";
        return refused;
    }
    Target at = target;
    if (at.config.empty() && at.admin.empty()) at.config = file;
    const auto* const path = push == Push::dry ? "/api/v1/fleet/push?dry=1" : "/api/v1/fleet/push";
    const auto answer = call(at, AdminMethod::post, path, text);
    return answer ? tell_and_watch(at, *answer, push) : refused;
}

int fleet_rollback(const Target& target, Push push) {
    const auto* const path = push == Push::dry ? "/api/v1/fleet/rollback?dry=1" : "/api/v1/fleet/rollback";
    const auto answer = call(target, AdminMethod::post, path);
    return answer ? tell_and_watch(target, *answer, push) : refused;
}

int fleet_follow(const Target& target, std::string hash) {
    const auto answer = call(target, AdminMethod::get, "/api/v1/fleet");
    const auto admin = answer ? find_admin(target) : std::nullopt;
    if (!admin) return refused;
    const auto fleet = json::parse(answer->body).as_object();
    const auto& versions = fleet.at("versions").as_array();
    const auto& changes = fleet.at("changes").as_array();
    std::uint64_t version = 0;
    if (hash.empty() && !versions.empty()) {
        hash = text_of(versions[0].at("hash"));
        version = versions[0].at("version").to_number<std::uint64_t>();
    }
    std::string found = version ? hash : "";
    for (const auto& change : changes) { // the last one, or the one whose hash begins so
        const auto known = text_of(change.at("hash"));
        if (found.empty() && !known.empty() && known.starts_with(hash)) found = known;
    }
    if (found.empty()) {
        std::cerr << "weir: "
                  << (hash.empty() ? "nothing was ever changed in this fleet" : "no change of " + hash + " is known")
                  << "\n";
        return refused;
    }
    hash = found;
    return watch_rollout(*admin, hash, version);
}

} // namespace weir::proxy::cli
