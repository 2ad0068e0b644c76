#include "proxy/cli/completion.h"

#include <sstream>

namespace weir::proxy::cli {
namespace {

using Commands = std::vector<const CompletedCommand*>; // from the program down to one command

std::string escape(const std::string& text, std::string_view special) {
    std::string out;
    for (const char c : text) out += (special.find(c) == std::string_view::npos ? "" : "\\") + std::string(1, c);
    return out;
}

// Quotes one shell word in single quotes. A quote inside ends the quoting, is escaped, and resumes it.
std::string quote(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

// In fish, a backslash escapes characters within single quotes.
std::string quote_for_fish(const std::string& text) { return "'" + escape(text, "\\'") + "'"; }

std::string join(const std::vector<std::string>& words, std::string_view between = " ") {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : std::string(between)) + word;
    return out;
}

// Calls `visit` for a command and all commands below it.
template <class Visit> void walk(const CompletedCommand& command, Commands path, Visit&& visit) {
    path.push_back(&command);
    visit(path);
    for (const auto& inner : command.commands) walk(inner, path, visit);
}

std::string name_of(const Commands& path, std::string_view between) {
    std::string out;
    for (const auto* command : path) out += (out.empty() ? "" : std::string(between)) + command->name;
    return out;
}

const char* bash_action(Value value) {
    switch (value) {
    case Value::file: return "files";
    case Value::directory: return "directories";
    default: return "nothing";
    }
}

std::string bash_case(const Commands& path) {
    const auto& command = *path.back();
    std::vector<std::string> options, commands, files, directories, texts;
    for (const auto& option : command.options) {
        options.insert(options.end(), option.names.begin(), option.names.end());
        auto* list = option.value == Value::file        ? &files
                     : option.value == Value::directory ? &directories
                     : option.value == Value::text      ? &texts
                                                        : nullptr;
        if (list) list->insert(list->end(), option.names.begin(), option.names.end());
    }
    for (const auto& inner : command.commands) commands.push_back(inner.name);
    std::ostringstream out;
    out << "    " << quote(name_of(path, " ")) << ")\n"
        << "        commands=" << quote(join(commands)) << " argument=" << bash_action(command.argument()) << "\n"
        << "        options=" << quote(join(options)) << "\n"
        << "        files=" << quote(join(files)) << " directories=" << quote(join(directories))
        << " texts=" << quote(join(texts)) << " ;;\n";
    return out.str();
}

std::string zsh_action(Value value) {
    switch (value) {
    case Value::none:
    case Value::optional_text: return ""; // "--watch=2" is one word
    case Value::text: return ":value: ";
    case Value::file: return ":file:_files";
    case Value::directory: return ":directory:_files -/";
    }
    return "";
}

std::string zsh_option(const CompletedOption& option) {
    const auto described = "[" + escape(option.description, ":[]\\") + "]" + zsh_action(option.value);
    if (option.names.size() == 1) return quote(option.names[0] + described);
    return quote("(" + join(option.names) + ")") + "{" + join(option.names, ",") + "}" + quote(described);
}

// Writes one function per command; a command with subcommands passes the rest of the line to their functions.
std::string zsh_function(const Commands& path) {
    const auto& command = *path.back();
    std::ostringstream out;
    const auto function = "_" + name_of(path, "_");
    out << function << "() {\n";
    if (!command.commands.empty()) {
        out << "    local context state state_descr line\n    typeset -A opt_args\n    local -a commands\n    "
               "commands=(\n";
        for (const auto& inner : command.commands)
            out << "        " << quote(inner.name + ":" + escape(inner.description, ":\\")) << "\n";
        out << "    )\n";
    }
    out << "    _arguments" << (command.commands.empty() ? "" : " -C");
    for (const auto& option : command.options) out << " \\\n        " << zsh_option(option);
    if (!command.commands.empty()) {
        out << " \\\n        '1:command:->command' \\\n        '*::argument:->argument'\n"
            << "    case $state in\n"
            << "    command) _describe command commands ;;\n"
            << "    argument) (( $+functions[" << function << "_$line[1]] )) && " << function << "_$line[1] ;;\n"
            << "    esac\n";
    } else {
        out << (command.argument() == Value::none
                    ? ""
                    : " \\\n        " + quote("*:" + zsh_action(command.argument()).substr(1)))
            << "\n";
    }
    out << "}\n\n";
    return out.str();
}

std::string fish_lines(const Commands& path) {
    std::ostringstream out;
    const auto condition = quote_for_fish("__weir_at" + name_of(path, " ").substr(path[0]->name.size()));
    for (const auto& inner : path.back()->commands)
        out << "complete -c weir -n " << condition << " -f -a " << inner.name << " -d "
            << quote_for_fish(inner.description) << "\n";
    for (const auto& option : path.back()->options) {
        out << "complete -c weir -n " << condition;
        for (const auto& name : option.names)
            out << (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
        if (option.value == Value::file) out << " -r -F";
        if (option.value == Value::directory) out << " -x -a '(__fish_complete_directories)'";
        if (option.value == Value::text) out << " -x";
        out << " -d " << quote_for_fish(option.description) << "\n";
    }
    if (path.back()->argument() == Value::file) out << "complete -c weir -n " << condition << " -F\n";
    return out.str();
}

} // namespace

std::string bash_completion(const CompletedCommand& program) {
    std::ostringstream out;
    out << R"(# Completion of weir's commands and options in bash; made by `weir completion bash`.
_weir_describe() {
    case $1 in
)";
    walk(program, {}, [&](const Commands& path) { out << bash_case(path); });
    out << R"(    *) return 1 ;;
    esac
}

_weir() {
    local command=weir commands options files directories texts argument word previous='' i
    local current=${COMP_WORDS[COMP_CWORD]}
    _weir_describe "$command"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $previous && " $files $directories $texts " == *" $previous "* ]]; then word=''; fi
        previous=$word
        if [[ -n $word && " $commands " == *" $word "* ]]; then
            command+=" $word"
            _weir_describe "$command"
        fi
    done
    if [[ -n $previous && " $files " == *" $previous "* ]]; then argument=files
    elif [[ -n $previous && " $directories " == *" $previous "* ]]; then argument=directories
    elif [[ -n $previous && " $texts " == *" $previous "* ]]; then argument=nothing
    elif [[ $current == -* ]]; then argument=options
    elif [[ -n $commands ]]; then argument=commands
    fi
    local IFS=$'\n'
    case $argument in
    files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")) ;;
    directories) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$current")) ;;
    options) COMPREPLY=($(IFS=' '; compgen -W "$options" -- "$current")) ;;
    commands) COMPREPLY=($(IFS=' '; compgen -W "$commands" -- "$current")) ;;
    *) COMPREPLY=() ;;
    esac
}

complete -F _weir weir
)";
    return out.str();
}

std::string zsh_completion(const CompletedCommand& program) {
    std::ostringstream out;
    out << "#compdef weir\n# Completion of weir's commands and options in zsh; made by `weir completion zsh`.\n\n";
    walk(program, {}, [&](const Commands& path) { out << zsh_function(path); });
    out << "if [ \"$funcstack[1]\" = _weir ]; then _weir \"$@\"; else compdef _weir weir; fi\n";
    return out.str();
}

std::string fish_completion(const CompletedCommand& program) {
    std::ostringstream out;
    std::vector<std::string> with_value, groups;
    walk(program, {}, [&](const Commands& path) {
        for (const auto& option : path.back()->options)
            if (option.value != Value::none && option.value != Value::optional_text)
                with_value.insert(with_value.end(), option.names.begin(), option.names.end());
        if (path.size() == 2 && !path.back()->commands.empty()) groups.push_back(path.back()->name);
    });
    out << R"(# Completion of weir's commands and options in fish; made by `weir completion fish`.
# True if the line before the cursor has come to the command in the arguments, and not to one below it.
function __weir_at
    set -l words (commandline -opc)
    set -l found
    set -l skip no
    for word in $words[2..-1]
        if test $skip = yes
            set skip no
        else if contains -- $word )"
        << join(with_value) << R"(
            set skip yes
        else if not string match -q -- '-*' $word
            set -a found $word
        end
    end
    set -l depth 1
    if contains -- "$found[1]" )"
        << join(groups) << R"(
        set depth 2
    end
    test "$found[1..$depth]" = "$argv"
end

)";
    walk(program, {}, [&](const Commands& path) { out << fish_lines(path); });
    return out.str();
}

} // namespace weir::proxy::cli
