#include "proxy/cli/fleet_commands.h"

#include "conf/model/units.h"

#include <CLI/CLI.hpp>

#include <charconv>
#include <memory>

namespace weir::proxy::cli {
namespace {

struct FleetOptions {
    std::string hash, reason, file;
    std::optional<std::chrono::milliseconds> watch; // interval of --watch
    bool json = false, yes = false, dry = false, leave = false;

    Push push() const { return dry ? Push::dry : leave ? Push::and_leave : Push::and_watch; }
};

// Parses seconds, as in "2" or "0.5", or a duration with a unit.
std::chrono::milliseconds parse_interval(const std::string& option, const std::string& text) {
    if (text.empty()) return std::chrono::seconds(1); // the option without a value
    double seconds = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
    const bool is_number = error == std::errc{} && end == text.data() + text.size();
    const auto time = is_number && seconds < 1e6 ? std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000))
                                                 : parse_time_option(option, text);
    if (time < std::chrono::milliseconds(100) || time > std::chrono::hours(24))
        throw CLI::ValidationError(option, "from 0.1 seconds to a day");
    return time;
}

// Commands that push a configuration to the whole fleet and follow its progress.
void add_changes(CLI::App& fleet, Target& target, ExitCode& code, const std::shared_ptr<FleetOptions>& options) {
    const auto add_pushing = [&](CLI::App& command) {
        add_target(command, target);
        command.add_flag("--dry-run", options->dry, "only show what it would change on the machine that is asked");
        command.add_flag("--no-wait", options->leave, "do not wait until every machine has applied it");
    };
    auto& push = *fleet.add_subcommand("push", "push a configuration to all members with reload.source: fleet");
    add_pushing(push);
    push.add_option("file", options->file, "configuration file; the files that it includes are pushed with it")
        ->required();
    push.callback([&target, &code, options] { code = fleet_push(target, options->file, options->push()); });
    auto& rollback = *fleet.add_subcommand("rollback", "push the previous good configuration again");
    add_pushing(rollback);
    rollback.callback([&target, &code, options] { code = fleet_rollback(target, options->push()); });
    auto& follow = *fleet.add_subcommand("follow", "follow a change until every machine has finished it");
    add_target(follow, target);
    follow.add_option("hash", options->hash,
                      "hash of the configuration, or its first digits; default: the last change");
    follow.callback([&target, &code, options] { code = fleet_follow(target, options->hash); });
}

} // namespace

void add_target(CLI::App& command, Target& target) {
    command.add_option("-c,--config", target.config,
                       "configuration file, whose admin section names the process [/etc/weir/weir.yaml]");
    command.add_option("--admin", target.admin,
                       "admin address of the process: IP:PORT, NAME:PORT, https://NAME:PORT or unix:/PATH");
    command.add_option("--ca", target.ca, "PEM file with the authorities to trust, for https [the system's]");
    command.add_option("--token-file", target.token_file, "file with the admin token");
    command.add_option_function<std::string>(
        "--timeout", [&target](const std::string& text) { target.timeout = parse_time_option("--timeout", text); },
        "how long to wait for a response [10s]");
}

void add_watch(CLI::App& command, std::optional<std::chrono::milliseconds>& interval) {
    command
        .add_option_function<std::string>(
            "--watch", [&interval](const std::string& text) { interval = parse_interval("--watch", text); },
            "show it again every N seconds, until Ctrl-C [1]")
        ->expected(0, 1)
        ->type_name("SECONDS");
}

std::chrono::milliseconds parse_time_option(const std::string& option, const std::string& text) {
    const auto time = conf::parse_duration(text);
    if (!time) throw CLI::ValidationError(option, time.error().message());
    return *time;
}

void add_fleet_commands(CLI::App& app, Target& target, ExitCode& code) {
    const auto options = std::make_shared<FleetOptions>();
    auto& fleet = *app.add_subcommand("fleet", "manage the machines that share a reload lock");
    fleet.require_subcommand(1);
    auto& status = *fleet.add_subcommand("status", "show the members, the holder of the lock and the denylist");
    add_target(status, target);
    status.add_flag("--json", options->json, "print JSON");
    add_watch(status, options->watch);
    status.callback([&target, &code, options] {
        code = fleet_status(target, options->json ? Output::json : Output::text, options->watch);
    });
    auto& breaking = *fleet.add_subcommand("break-lock", "take the lock away from its holder");
    add_target(breaking, target);
    breaking.add_flag("--yes", options->yes, "do not ask for confirmation");
    breaking.add_option("--reason,--why", options->reason, "reason for the record");
    breaking.callback([&target, &code, options] {
        code = fleet_break_lock(target, options->reason, options->yes ? Asked::yes : Asked::no);
    });
    auto& unban =
        *fleet.add_subcommand("unban", "remove a configuration from the denylist, so that it may be tried again");
    unban.alias("forgive"); // the old name
    add_target(unban, target);
    unban.add_option("hash", options->hash, "hash of the configuration, or its first digits")->required();
    unban.callback([&target, &code, options] { code = fleet_unban(target, options->hash); });
    add_changes(fleet, target, code, options);
}

} // namespace weir::proxy::cli
