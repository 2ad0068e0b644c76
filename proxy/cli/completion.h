// `weir completion SHELL`: prints a script that completes weir's commands and options in bash, zsh or fish, or the part
// of the manual page that lists them. Both are generated from the parser, so they cannot go stale.
//
// Thread: the main thread.
// Lifetime: the app must outlive the parsing.
#pragma once

#include "proxy/process/exit_code.h"

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace weir::proxy::cli {

// What an argument names, as far as a shell can complete it.
enum class Value { none, optional_text, text, file, directory };

struct CompletedOption {
    std::vector<std::string> names; // including dashes
    std::string description;
    Value value = Value::none; // none: takes no argument
    std::string placeholder;   // the argument's name in the manual; empty: derived from the option's name
};

struct CompletedCommand {
    std::string name, description;
    std::vector<CompletedOption> options;
    std::vector<CompletedOption> arguments; // positional arguments
    std::vector<CompletedCommand> commands;

    Value argument() const { return arguments.empty() ? Value::none : arguments.front().value; }
};

// Returns the commands and options of a parser, as input for the functions below.
CompletedCommand describe_commands(const CLI::App& app);

std::string bash_completion(const CompletedCommand& program);
std::string zsh_completion(const CompletedCommand& program);
std::string fish_completion(const CompletedCommand& program);

// Returns the roff source of the manual's command list: one paragraph per command, with its options.
std::string manual_of_commands(const CompletedCommand& program);

// `code` receives the exit code of the command.
void add_completion(CLI::App& app, ExitCode& code);

} // namespace weir::proxy::cli
