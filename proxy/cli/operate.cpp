#include "conf/load.h"
#include "conf/plan.h"
#include "proxy/admin/status.h"
#include "proxy/cli/commands.h"
#include "proxy/cli/json_text.h"
#include "proxy/cli/target.h"
#include "proxy/process.h"

#include <iomanip>
#include <iostream>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

constexpr int done = static_cast<int>(ExitCode::done), refused = static_cast<int>(ExitCode::refused);

void print_backend(const json::object& backend) {
    std::cout << "  " << std::left << std::setw(24) << text_of(backend.at("name")) << std::setw(24)
              << text_of(backend.at("address")) << std::setw(9) << text_of(backend.at("state")) << std::right
              << std::setw(10) << backend.at("requests").to_number<std::uint64_t>() << std::setw(8)
              << backend.at("active").to_number<std::uint64_t>();
    if (const auto* why = backend.if_contains("last_failure"); why && text_of(backend.at("state")) == "down")
        std::cout << "  " << text_of(*why);
    if (const auto* file = backend.if_contains("file"))
        std::cout << "  changed at run time; the file says " << text_of(file->at("state")) << ", weight "
                  << file->at("weight");
    std::cout << "\n";
}

void print_status(const json::object& status) {
    const auto& config = status.at("config").as_object();
    std::cout << "weir " << text_of(status.at("version")) << ", pid " << status.at("pid") << ", up "
              << status.at("uptime_seconds") << " s\n"
              << "config " << text_of(config.at("file")) << ", hash " << text_of(config.at("hash")).substr(0, 12)
              << ", fence " << config.at("fence") << ", loaded " << text_of(config.at("loaded_at")) << "\n";
    for (const auto& listener : status.at("listeners").as_array())
        std::cout << "listener " << text_of(listener.at("name")) << " on " << text_of(listener.at("address")) << ": "
                  << listener.at("active") << " connections now, " << listener.at("connections") << " in all\n";
    for (const auto& pool : status.at("pools").as_array()) {
        std::cout << "pool " << std::left << std::setw(21) << text_of(pool.at("name")) << std::setw(24) << "ADDRESS"
                  << std::setw(9) << "STATE" << std::right << std::setw(10) << "REQUESTS" << std::setw(8) << "ACTIVE"
                  << "\n";
        for (const auto& backend : pool.at("backends").as_array()) print_backend(backend.as_object());
    }
}

void print_plan(const conf::Plan& plan, Output output) {
    if (output == Output::json) {
        std::cout << json::serialize(admin::to_json(plan)) << "\n";
        return;
    }
    if (plan.empty()) std::cout << "nothing would change\n";
    for (const auto& change : plan.changes) std::cout << change.text() << "\n";
    if (plan.needs_restart())
        std::cout << "a reload would be refused: what needs a restart cannot be changed while weir runs\n";
}

} // namespace

int plan(const Target& target, Output output) {
    const auto loaded = conf::load(target.config);
    if (!loaded.ok()) {
        for (const auto& error : loaded.errors) std::cerr << error.text() << "\n";
        return refused;
    }
    const auto answer = call(target, AdminMethod::get, "/api/v1/config");
    if (!answer) return refused;
    const auto running = admin::description_from_json(json::parse(answer->body).as_array());
    const auto changes = conf::plan(running, conf::describe(loaded.config));
    print_plan(changes, output);
    return changes.needs_restart() ? refused : done;
}

int change_backend(const Target& target, const std::string& backend, const std::string& query) {
    const auto answer = call(target, AdminMethod::post, "/api/v1/backends/" + backend + "?" + query);
    if (!answer) return refused;
    const auto now = json::parse(answer->body).as_object();
    std::cout << backend << ": " << text_of(now.at("state")) << ", weight " << now.at("weight");
    if (const auto* file = now.if_contains("file"))
        std::cout << " (the file says " << text_of(file->at("state")) << ", weight " << file->at("weight")
                  << "; weir clear " << backend << " goes back to that)";
    std::cout << "\n";
    return done;
}

int status(const Target& target, Output output) {
    const auto answer = call(target, AdminMethod::get, "/api/v1/status");
    if (!answer) return refused;
    if (output == Output::json) std::cout << answer->body;
    else print_status(json::parse(answer->body).as_object());
    return done;
}

} // namespace weir::proxy::cli
