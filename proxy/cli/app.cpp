#include "proxy/cli/app.h"

#include "conf/units.h"
#include "proxy/cli/commands.h"
#include "proxy/cli/fleet_commands.h"
#include "proxy/version.h"

#include <CLI/CLI.hpp>

#include <iostream>

namespace weir::proxy::cli {
namespace {

constexpr int usage_error = 2;

} // namespace

int main(int argc, char** argv) {
    CLI::App app("weir: a TCP and HTTP reverse proxy and load balancer");
    app.require_subcommand(0, 1);
    app.set_help_all_flag("--help-all", "show the options of every command");
    int code = usage_error;
    std::string config, listen, name;
    Target target;
    Start start;
    int weight = 1;
    bool json = false, wait = false, test = false, once = false, force = false;

    app.add_option("-c,--config", config, "configuration file, with -t");
    app.add_flag("-t,--test", test, "check a configuration, as `check` does");

    auto& run_command = *app.add_subcommand("run", "serve a configuration");
    run_command.add_option("-c,--config", config, "configuration file")->required();
    run_command.add_flag("--last-good", start.last_good,
                         "where the file is bad, start from the last configuration that worked");
    run_command.add_option("--state-dir", start.state_dir, "where that is, if the file cannot tell");
    run_command.add_flag("--force", start.force, "although this configuration was rolled back before");
    run_command.callback([&] {
        start.config = config;
        code = run(start);
    });

    auto& check_command = *app.add_subcommand("check", "check a configuration");
    check_command.add_option("-c,--config", config, "configuration file")->required();
    check_command.callback([&] { code = check(config); });

    auto& plan_command = *app.add_subcommand("plan", "show what a reload of a file would change");
    add_target(plan_command, target);
    plan_command.get_option("-c")->required();
    plan_command.add_flag("--json", json, "as JSON");
    plan_command.callback([&] { code = plan(target, json ? Output::json : Output::text); });

    auto& reload_command = *app.add_subcommand("reload", "have the running process reload its configuration");
    add_target(reload_command, target);
    reload_command.add_flag("--wait", wait, "wait for the verdict, and print it");
    reload_command.add_flag("--force", force, "although this configuration was rolled back before");
    reload_command.callback(
        [&] { code = reload(target, wait ? WaitFor::verdict : WaitFor::nothing, force ? Insist::yes : Insist::no); });

    auto& status_command = *app.add_subcommand("status", "show the state of the running process");
    add_target(status_command, target);
    status_command.add_flag("--json", json, "as JSON");
    status_command.callback([&] { code = status(target, json ? Output::json : Output::text); });

    const auto add_change = [&](const char* command, const char* help, const char* query) {
        auto& added = *app.add_subcommand(command, help);
        add_target(added, target);
        added.add_option("backend", name, "POOL/BACKEND")->required();
        added.callback([&code, &target, &name, query] { code = change_backend(target, name, query); });
    };
    add_change("drain", "give a backend no new clients; those it has stay", "state=drain");
    add_change("maint", "take a backend out; its connections end after the drain time", "state=maint");
    add_change("ready", "put a backend back in", "state=ready");
    add_change("clear", "have a backend as the file says", "state=file&weight=file");
    auto& weight_command = *app.add_subcommand("weight", "change a backend's weight");
    add_target(weight_command, target);
    weight_command.add_option("backend", name, "POOL/BACKEND")->required();
    weight_command.add_option("weight", weight, "1 to 256")->required()->check(CLI::Range(1, 256));
    weight_command.callback([&] { code = change_backend(target, name, "weight=" + std::to_string(weight)); });

    add_fleet_commands(app, target, code);

    auto& heartbeat_command = *app.add_subcommand("heartbeat", "answer heartbeats beside a backend");
    heartbeat_command.add_option("--listen", listen, "IP:PORT")->required();
    heartbeat_command.callback([&] { code = heartbeat(listen); });

    BeatOptions beats;
    std::string interval = "1s";
    auto& beat_command = *app.add_subcommand("beat", "send beats for a backend, beside it");
    beat_command.add_option("--to", beats.to, "admin address of a weir, http://IP:PORT or unix:/PATH; may be repeated")
        ->required();
    beat_command.add_option("--pool", beats.pool, "the pool")->required();
    beat_command.add_option("--backend", beats.backend, "the backend's name in it")->required();
    beat_command.add_option("--token-file", beats.token_file, "the pool's token")->required();
    beat_command.add_option("--interval", interval, "between two beats, as the pool expects them");
    beat_command.add_option("--check", beats.check, "a command: beats are sent only while it ends with 0");
    beat_command.add_option("--weight", beats.weight, "that the backend asks for")->check(CLI::Range(1, 256));
    beat_command.add_flag("--drain", beats.drain, "ask for no new clients");
    beat_command.add_flag("--once", beats.once, "send one, and say how it went: 0 or 1");
    beat_command.callback([&] {
        std::string why;
        beats.interval = conf::parse_duration(interval, why);
        if (!why.empty()) std::cerr << "weir: --interval: " << why << "\n";
        else code = beat(beats);
    });

    auto& demo_command =
        *app.add_subcommand("demo", "show weir at work: backends that die and return, reloads under load");
    demo_command.add_flag("--once", once, "end when everything has been shown: 0 if all went well, 1 if not");
    demo_command.callback([&] { code = demo(once ? DemoEnd::end_by_itself : DemoEnd::stay_up); });

    auto& backend_command = *app.add_subcommand("demo-backend", "a small web server, as the demo uses it");
    backend_command.add_option("--listen", listen, "IP:PORT")->required();
    backend_command.add_option("--name", name, "what it calls itself")->required();
    backend_command.callback([&] { code = demo_backend(name, listen); });

    app.add_subcommand("schema", "print the JSON Schema of the configuration")->callback([&] { code = schema(); });
    app.add_subcommand("version", "print the version")->callback([&] {
        std::cout << "weir " << version << "\n";
        code = 0;
    });

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : usage_error;
    } catch (const std::exception& error) {
        std::cerr << "weir: " << error.what() << "\n";
        return 1;
    }
    if (test && !config.empty()) return check(config);
    if (app.get_subcommands().empty()) std::cerr << app.help();
    return code;
}

} // namespace weir::proxy::cli
