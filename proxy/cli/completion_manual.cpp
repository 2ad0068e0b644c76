#include "proxy/cli/completion.h"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace weir::proxy::cli {
namespace {

// Escapes text that roff(7) should print literally.
std::string literal(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') out += "\\e";
        else if (c == '-') out += "\\-";
        else if (c == '\'') out += "\\(aq";
        else out += c;
    }
    return out.starts_with('.') ? "\\&" + out : out;
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
    return text;
}

// The placeholder of an option's value: the last part of its name, as in --token-file FILE.
std::string placeholder(const CompletedOption& option) {
    if (option.value == Value::file) return "FILE";
    if (option.value == Value::directory) return "DIR";
    const auto& name = option.names.back();
    return upper(name.substr(name.rfind('-') + 1));
}

bool is_help(const CompletedOption& option) { return option.names.back().starts_with("--help"); }

void write_option(std::ostringstream& out, const CompletedOption& option) {
    out << ".TP\n";
    for (std::size_t i = 0; i < option.names.size(); ++i)
        out << (i == 0 ? "" : ", ") << "\\fB" << literal(option.names[i]) << "\\fR";
    if (option.value == Value::optional_text) out << "[=\\fI" << option.placeholder << "\\fR]";
    else if (option.value != Value::none) out << " \\fI" << placeholder(option) << "\\fR";
    out << "\n" << literal(option.description) << "\n";
}

void write_command(std::ostringstream& out, const CompletedCommand& command, const std::string& name) {
    if (command.commands.empty()) {
        out << ".SS " << literal(name);
        for (const auto& argument : command.arguments) out << " " << literal(upper(argument.names[0]));
        out << "\n" << literal(command.description) << "\n";
        for (const auto& argument : command.arguments)
            out << ".TP\n\\fI" << literal(upper(argument.names[0])) << "\\fR\n"
                << literal(argument.description) << "\n";
        for (const auto& option : command.options)
            if (!is_help(option)) write_option(out, option);
    }
    for (const auto& inner : command.commands) write_command(out, inner, name + " " + inner.name);
}

} // namespace

std::string manual_of_commands(const CompletedCommand& program) {
    std::ostringstream out;
    for (const auto& option : program.options) write_option(out, option);
    write_command(out, program, program.name);
    return out.str();
}

} // namespace weir::proxy::cli
