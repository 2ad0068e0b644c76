#include "proxy/admin/exposition.h"

#include <charconv>

namespace weir::proxy::admin {

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_.append("# HELP ").append(name).append(" ").append(help);
    out_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void Exposition::sample(const Labels& labels, std::uint64_t value, std::string_view suffix) {
    write(labels, std::to_string(value), suffix);
}

void Exposition::sample(const Labels& labels, double value, std::string_view suffix) {
    char text[32]; // the shortest text that parses to the same number has at most 24 characters
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    write(labels, {text, static_cast<std::size_t>(end - text)}, suffix);
}

void Exposition::write(const Labels& labels, std::string_view value, std::string_view suffix) {
    out_.append(name_).append(suffix);
    char before = '{';
    for (const auto& [key, text] : labels) {
        out_ += before;
        out_.append(key).append("=\"").append(escape_label(text)).append("\"");
        before = ',';
    }
    if (!labels.empty()) out_ += '}';
    out_.append(" ").append(value).append("\n");
}

std::string escape_label(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n') out += "\\n";
        else out += c;
    }
    return out;
}

} // namespace weir::proxy::admin
