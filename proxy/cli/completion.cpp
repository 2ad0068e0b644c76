#include "proxy/cli/completion.h"

#include <CLI/CLI.hpp>

#include <iostream>
#include <map>

namespace weir::proxy::cli {
namespace {

Value value_of(const CLI::Option& option) {
    static const std::map<std::string, Value> known{{"--config", Value::file},
                                                    {"--token-file", Value::file},
                                                    {"--state-dir", Value::directory},
                                                    {"file", Value::file}};
    if (option.get_items_expected_max() == 0) return Value::none;
    if (!option.get_positional() && option.get_items_expected_min() == 0) return Value::optional_text;
    const auto it = known.find(option.get_positional() ? option.get_name(true) : "--" + option.get_single_name());
    return it == known.end() ? Value::text : it->second;
}

CompletedOption describe_option(const CLI::Option& option) {
    CompletedOption described{{}, option.get_description(), value_of(option), {}};
    if (described.value == Value::optional_text) described.placeholder = option.get_type_name();
    if (option.get_positional()) described.names.push_back(option.get_name(true));
    else {
        for (const auto& name : option.get_snames()) described.names.push_back("-" + name);
        for (const auto& name : option.get_lnames()) described.names.push_back("--" + name);
    }
    return described;
}

} // namespace

CompletedCommand describe_commands(const CLI::App& app) {
    CompletedCommand described{app.get_name(), app.get_description(), {}, {}, {}};
    for (const auto* option : app.get_options()) {
        if (option->get_group().empty()) continue; // hidden
        (option->get_positional() ? described.arguments : described.options).push_back(describe_option(*option));
    }
    for (const auto* command : app.get_subcommands([](const CLI::App* c) { return !c->get_group().empty(); }))
        described.commands.push_back(describe_commands(*command));
    return described;
}

void add_completion(CLI::App& app, ExitCode& code) {
    auto& command = *app.add_subcommand("completion", "print a completion script for bash, zsh or fish");
    using Printer = std::string (*)(const CompletedCommand&);
    const auto add = [&](const std::string& shell, const std::string& help, Printer print) -> CLI::App& {
        auto& added = *command.add_subcommand(shell, help);
        added.callback([&app, &code, print] {
            auto program = describe_commands(app);
            program.name = "weir";
            std::cout << print(program);
            code = ExitCode::done;
        });
        return added;
    };
    command.require_subcommand(1);
    add("bash", "print the completion script for bash", bash_completion);
    add("zsh", "print the completion script for zsh", zsh_completion);
    add("fish", "print the completion script for fish", fish_completion);
    add("manual", "print the part of the manual page that lists the commands", manual_of_commands).group(""); // hidden
}

} // namespace weir::proxy::cli
