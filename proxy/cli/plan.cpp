#include "conf/plan/plan.h"
#include "conf/store/last_good.h"
#include "proxy/admin/reload_status.h"
#include "proxy/admin/status.h"
#include "proxy/cli/commands.h"
#include "proxy/cli/config_errors.h"
#include "proxy/cli/json_text.h"
#include "proxy/cli/plan_overrides.h"
#include "proxy/cli/plan_text.h"
#include "proxy/cli/target.h"

#include <filesystem>
#include <iostream>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

constexpr std::chrono::seconds plan_timeout{30}; // resolving host names may take long

ExitCode print_plan(const json::object& plan, Output output) {
    const bool is_refused = plan.at("verdict") == "refused";
    if (output == Output::json) {
        std::cout << json::serialize(plan) << "\n";
    } else {
        for (const auto& error : plan.at("errors").as_array()) std::cerr << text_of(error) << "\n";
        std::cout << plan_text(plan);
    }
    return is_refused ? ExitCode::refused : ExitCode::done;
}

// Builds a response like that of /api/v1/plan from this command's own environment.
json::object compare(const conf::Loaded& loaded, const conf::Description& before) {
    auto out = admin::to_json(conf::plan(before, conf::describe(loaded.config)));
    out["verdict"] = out.at("changes").as_array().empty() ? "unchanged" : "applied";
    out["hash"] = loaded.hash;
    out["errors"] = json::array();
    out["denylisted"] = false;
    out["overrides"] = json::array();
    return out;
}

// No process runs: shows what a start would change compared with the last good configuration.
ExitCode plan_without_process(const std::string& path, const std::string& problem, Output output) {
    const auto loaded = conf::load(path);
    print_errors(loaded);
    if (!loaded.ok()) return ExitCode::refused;
    const auto kept = conf::LastGoodStore(loaded.config.process.state_dir, path).read();
    const auto last = kept ? conf::load_sources(kept->files) : conf::Loaded();
    const bool has_last = kept && last.ok();
    auto plan = compare(loaded, has_last ? conf::describe(last.config) : conf::Description());
    plan["needs_restart"] = false;
    for (auto& change : plan.at("changes").as_array()) change.as_object()["needs_restart"] = false;
    plan["notes"] = json::array{problem + ": compared " +
                                (has_last ? "with the last good configuration"
                                          : "with an empty configuration, because there is no last good one") +
                                ", with the environment of this command"};
    return print_plan(plan, output);
}

// An older process has no /api/v1/plan: compares its running configuration with the file here.
ExitCode plan_beside_process(const Admin& admin, const std::string& path, Output output) {
    const auto loaded = conf::load(path);
    print_errors(loaded);
    if (!loaded.ok()) return ExitCode::refused;
    const auto runtime = call(admin, AdminMethod::get, "/api/v1/config");
    const auto status = runtime ? call(admin, AdminMethod::get, "/api/v1/status") : std::nullopt;
    if (!status) return ExitCode::refused;
    auto plan = compare(loaded, admin::description_from_json(runtime->as_array()));
    if (plan.at("needs_restart").as_bool()) plan["verdict"] = "refused";
    plan["overrides"] = admin::to_json(plan_overrides(*status, loaded.config));
    plan["notes"] = json::array{"the running weir is an older version: compared with the environment of this command"};
    return print_plan(plan, output);
}

} // namespace

ExitCode plan(const Target& target, Output output) {
    std::error_code ignored;
    const auto& given = config_path(target);
    const auto path = std::filesystem::absolute(given, ignored).lexically_normal().string();
    // The process validates the files, with its own environment; here they only have to be read.
    const auto loaded = conf::load(path);
    if (loaded.sources.empty()) {
        print_errors(loaded);
        return ExitCode::refused;
    }
    auto admin = find_admin(target);
    if (!admin) return ExitCode::refused;
    admin->timeout = target.timeout.value_or(plan_timeout);
    const auto answer = admin->call(AdminMethod::post, "/api/v1/plan", conf::to_text({loaded.hash, loaded.sources}));
    if (!answer && is_nothing_there(answer.error()))
        return plan_without_process(given, answer.error().message(), output);
    if (answer && answer->status == 404) return plan_beside_process(*admin, given, output);
    if (answer && answer->status == 200) {
        boost::system::error_code bad;
        const auto body = json::parse(answer->body, bad);
        if (!bad && body.is_object() && body.as_object().contains("verdict"))
            return print_plan(body.as_object(), output);
    }
    std::cerr << "weir: " << reason_of(answer, admin->endpoint) << "\n";
    return ExitCode::refused;
}

} // namespace weir::proxy::cli
