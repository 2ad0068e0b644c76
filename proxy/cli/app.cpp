#include "proxy/cli/app.h"

#include "base/version.h"
#include "proxy/cli/commands.h"
#include "proxy/cli/completion.h"
#include "proxy/cli/fleet_commands.h"

#include <CLI/CLI.hpp>

#include <iostream>

namespace weir::proxy::cli {
namespace {

// The values of all options; each command reads the ones that it knows.
struct CommandOptions {
    std::string config = default_config, listen, name;
    std::vector<std::string> topic; // of `help`
    Target target;
    Start start;
    BeatOptions beats;
    int weight = 1;
    std::optional<std::chrono::milliseconds> watch; // interval of --watch
    bool json = false, wait = false, test = false, once = false, force = false, abort = false;
    ExitCode code = ExitCode::usage; // exit code of the command

    Output output() const { return json ? Output::json : Output::text; }
};

// Commands that need no running process.
void add_file_commands(CLI::App& app, CommandOptions& o) {
    auto& run_command = *app.add_subcommand("run", "run the proxy with a configuration");
    run_command.add_option("-c,--config", o.start.config, "configuration file [/etc/weir/weir.yaml]");
    run_command.add_flag("--last-good", o.start.last_good,
                         "if the file is invalid, start with the last good configuration");
    run_command.add_option("--state-dir", o.start.state_dir,
                           "directory of the last good configuration, if the file does not name it");
    run_command.add_flag("--force", o.start.force, "start even if this configuration is on the denylist");
    run_command.callback([&o] { o.code = run(o.start); });

    auto& check_command = *app.add_subcommand("check", "check a configuration file");
    check_command.add_option("-c,--config", o.config, "configuration file [/etc/weir/weir.yaml]");
    check_command.callback([&o] { o.code = check(o.config); });

    app.add_subcommand("schema", "print the JSON Schema of the configuration")->callback([&o] { o.code = schema(); });
    app.add_subcommand("version", "print the version")->callback([&o] {
        std::cout << "weir " << version << "\n";
        o.code = ExitCode::done;
    });
}

void add_process_commands(CLI::App& app, CommandOptions& o) {
    auto& plan_command = *app.add_subcommand("plan", "show what a reload of a file would change");
    add_target(plan_command, o.target);
    plan_command.add_flag("--json", o.json, "print JSON");
    plan_command.callback([&o] { o.code = plan(o.target, o.output()); });

    auto& reload_command = *app.add_subcommand("reload", "reload the configuration of the running process");
    add_target(reload_command, o.target);
    reload_command.add_flag("--wait", o.wait, "wait for the verdict and print it");
    reload_command.add_flag(
        "--force", o.force,
        "reload even if the configuration is on the denylist, or moves the lock off unreachable servers");
    reload_command
        .add_flag("--abort", o.abort, "roll back the change in its canary window at once, and print the verdict")
        ->excludes("--wait", "--force");
    reload_command.callback([&o] {
        if (o.abort) {
            o.code = abort_reload(o.target);
            return;
        }
        o.code = reload(o.target, o.wait ? WaitFor::verdict : WaitFor::nothing, o.force ? Force::yes : Force::no);
    });

    auto& status_command = *app.add_subcommand("status", "show the state of the running process");
    add_target(status_command, o.target);
    status_command.add_flag("--json", o.json, "print JSON");
    add_watch(status_command, o.watch);
    status_command.callback([&o] { o.code = status(o.target, o.output(), o.watch); });
}

// Commands that override one backend at run time.
void add_backend_commands(CLI::App& app, CommandOptions& o) {
    const auto add = [&](const char* command, const char* help, const char* query) {
        auto& added = *app.add_subcommand(command, help);
        add_target(added, o.target);
        added.add_option("backend", o.name, "POOL/BACKEND")->required();
        added.callback([&o, query] { o.code = change_backend(o.target, o.name, query); });
    };
    add("drain", "send no new clients to a backend; its present clients stay", "state=drain");
    add("maint", "take a backend out of service; its connections are closed after the drain timeout", "state=maint");
    add("ready", "put a backend back into service", "state=ready");
    add("clear", "reset a backend to the state and weight in the file", "state=file&weight=file");
    auto& weight_command = *app.add_subcommand("weight", "change the weight of a backend");
    add_target(weight_command, o.target);
    weight_command.add_option("backend", o.name, "POOL/BACKEND")->required();
    weight_command.add_option("weight", o.weight, "1 to 256")->required()->check(CLI::Range(1, 256));
    weight_command.callback([&o] { o.code = change_backend(o.target, o.name, "weight=" + std::to_string(o.weight)); });
}

// Commands that run beside backends.
void add_agents(CLI::App& app, CommandOptions& o) {
    auto& heartbeat_command = *app.add_subcommand("heartbeat", "answer the heartbeats of weir next to a backend");
    heartbeat_command.add_option("--listen", o.listen, "IP:PORT")->required();
    heartbeat_command.callback([&o] { o.code = heartbeat(o.listen); });

    auto& beats = o.beats;
    auto& beat_command = *app.add_subcommand("beat", "send heartbeats to weir for a backend");
    beat_command
        .add_option("--to", beats.to,
                    "admin address of a weir: http://IP:PORT, https://NAME:PORT or unix:/PATH; may be repeated")
        ->required();
    beat_command.add_option("--ca", beats.ca, "PEM file with the authorities to trust, for https [the system's]");
    beat_command.add_option("--pool", beats.pool, "name of the pool")->required();
    beat_command.add_option("--backend", beats.backend, "name of the backend in the pool")->required();
    beat_command.add_option("--token-file", beats.token_file, "file with the token of the pool")->required();
    beat_command.add_option_function<std::string>(
        "--interval", [&beats](const std::string& text) { beats.interval = parse_time_option("--interval", text); },
        "time between two heartbeats, as the pool expects them [1s]");
    beat_command.add_option("--check", beats.check,
                            "command to run first; heartbeats are sent only while it exits with 0");
    beat_command.add_option("--weight", beats.weight, "weight to request for the backend")->check(CLI::Range(1, 256));
    beat_command.add_flag("--drain", beats.drain, "request no new clients");
    beat_command.add_flag("--once", beats.once, "send one heartbeat and exit: 0 if it was accepted, 1 if not");
    beat_command.callback([&o] { o.code = beat(o.beats); });
}

void add_demo(CLI::App& app, CommandOptions& o) {
    auto& demo_command =
        *app.add_subcommand("demo", "run a demonstration: failing and recovering backends, reloads under load");
    demo_command.add_flag("--once", o.once, "exit after the demonstration: 0 if everything worked, 1 if not");
    demo_command.callback([&o] { o.code = demo(o.once ? DemoEnd::end_by_itself : DemoEnd::stay_up); });

    auto& backend_command = *app.add_subcommand("demo-backend", "run the small web server of the demonstration");
    backend_command.add_option("--listen", o.listen, "IP:PORT")->required();
    backend_command.add_option("--name", o.name, "name that it reports")->required();
    backend_command.callback([&o] { o.code = demo_backend(o.name, o.listen); });
}

void add_help(CLI::App& app, CommandOptions& o) {
    auto& help_command = *app.add_subcommand("help", "show the options of a command");
    help_command.add_option("command", o.topic, "command, such as status or fleet push");
    help_command.callback([&app, &o] {
        const CLI::App* topic = &app;
        for (const auto& word : o.topic) {
            const auto known = topic->get_subcommands([&](const CLI::App* each) { return each->get_name() == word; });
            if (known.empty()) throw CLI::ValidationError("help", "there is no command " + word);
            topic = known.front();
        }
        std::cout << topic->help();
        o.code = ExitCode::done;
    });
}

// Describes an error in the command line and refers to the help.
std::string explain(const CLI::App*, const CLI::Error& error) {
    return "weir: " + std::string(error.what()) + "\nRun weir help, or weir help COMMAND, for usage.\n";
}

} // namespace

ExitCode main(int argc, char** argv) {
    CLI::App app("weir: a TCP and HTTP reverse proxy and load balancer");
    app.require_subcommand(0, 1);
    app.set_help_all_flag("--help-all", "show the options of every command");
    CommandOptions options;
    app.set_version_flag("-V,--version", "weir " + std::string(version), "show the version");
    app.failure_message(explain);
    app.add_option("-c,--config", options.config, "configuration file, with -t [/etc/weir/weir.yaml]");
    app.add_flag("-t,--test", options.test, "check the configuration file, like `check`");
    add_file_commands(app, options);
    add_process_commands(app, options);
    add_backend_commands(app, options);
    add_fleet_commands(app, options.target, options.code);
    add_agents(app, options);
    add_demo(app, options);
    add_help(app, options);
    add_completion(app, options.code);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? ExitCode::done : ExitCode::usage;
    } catch (const std::exception& error) {
        std::cerr << "weir: " << error.what() << "\n";
        return ExitCode::refused;
    }
    if (options.test) return check(options.config);
    if (app.get_subcommands().empty()) std::cerr << app.help();
    return options.code;
}

} // namespace weir::proxy::cli
