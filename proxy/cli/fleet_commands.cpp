#include "proxy/cli/fleet_commands.h"

#include <CLI/CLI.hpp>

#include <memory>

namespace weir::proxy::cli {
namespace {

struct Options {
    std::string hash, why, file;
    bool json = false, watch = false, yes = false, dry = false, leave = false;

    Push push() const { return dry ? Push::dry : leave ? Push::and_leave : Push::and_watch; }
};

// What is given to the whole fleet, and how far it has come.
void add_changes(CLI::App& fleet, Target& target, int& code, const std::shared_ptr<Options>& options) {
    const auto add_pushing = [&](CLI::App& command) {
        add_target(command, target);
        command.add_flag("--dry-run", options->dry, "only say what it would change on the machine that is asked");
        command.add_flag("--no-wait", options->leave, "do not wait until every machine has it");
    };
    auto& push = *fleet.add_subcommand("push", "give a configuration to all members whose reload.source is fleet");
    add_pushing(push);
    push.add_option("file", options->file, "the configuration, with all that it includes")->required();
    push.callback([&target, &code, options] { code = fleet_push(target, options->file, options->push()); });
    auto& rollback = *fleet.add_subcommand("rollback", "push the last configuration but one that was good once more");
    add_pushing(rollback);
    rollback.callback([&target, &code, options] { code = fleet_rollback(target, options->push()); });
    auto& follow = *fleet.add_subcommand("follow", "watch a change until every machine is through with it");
    add_target(follow, target);
    follow.add_option("hash", options->hash, "its hash, or the first digits of it; the last change where missing");
    follow.callback([&target, &code, options] { code = fleet_follow(target, options->hash); });
}

} // namespace

void add_target(CLI::App& command, Target& target) {
    command.add_option("-c,--config", target.config, "configuration file; its admin section says where the process is");
    command.add_option("--admin", target.admin, "admin address of the process: IP:PORT or unix:/PATH");
    command.add_option("--token-file", target.token_file, "file with the admin token");
}

void add_fleet_commands(CLI::App& app, Target& target, int& code) {
    const auto options = std::make_shared<Options>();
    auto& fleet = *app.add_subcommand("fleet", "the machines that share a reload lock");
    fleet.require_subcommand(1);
    auto& status = *fleet.add_subcommand("status", "who runs what, who holds the lock, what is known to be bad");
    add_target(status, target);
    status.add_flag("--json", options->json, "as JSON");
    status.add_flag("--watch", options->watch, "again every second");
    status.callback([&target, &code, options] {
        code = fleet_status(target, options->json ? Output::json : Output::text,
                            options->watch ? Follow::yes : Follow::no);
    });
    auto& breaking = *fleet.add_subcommand("break-lock", "take the lock away from whoever holds it");
    add_target(breaking, target);
    breaking.add_flag("--yes", options->yes, "do not ask");
    breaking.add_option("--why", options->why, "the reason, for the record");
    breaking.callback([&target, &code, options] {
        code = fleet_break_lock(target, options->why, options->yes ? Asked::yes : Asked::no);
    });
    auto& forgive = *fleet.add_subcommand("forgive", "let a configuration that is known to be bad be tried again");
    add_target(forgive, target);
    forgive.add_option("hash", options->hash, "its hash, or the first digits of it")->required();
    forgive.callback([&target, &code, options] { code = fleet_forgive(target, options->hash); });
    add_changes(fleet, target, code, options);
}

} // namespace weir::proxy::cli
