#include "conf/expand.h"

#include <cctype>
#include <cstdlib>

namespace weir::conf {
namespace {

bool is_name(std::string_view name) {
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
    for (const unsigned char c : name)
        if (!std::isalnum(c) && c != '_') return false;
    return true;
}

// The value of what stands between "${" and "}".
std::string value_of(std::string_view inside, const Lookup& lookup, std::string& why) {
    const auto split = inside.find(":-");
    const std::string name(inside.substr(0, split));
    if (!is_name(name)) {
        why = "\"${" + std::string(inside) + "}\" does not name an environment variable";
        return {};
    }
    auto value = lookup(name);
    if (split != std::string_view::npos && (!value || value->empty())) return std::string(inside.substr(split + 2));
    if (!value) why = "the environment variable " + name + " is not set; set it, or give a default: ${" + name + ":-…}";
    return value.value_or("");
}

} // namespace

std::string expand(std::string_view text, const Lookup& lookup, std::string& why) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] != '$') {
            out += text[i++];
            continue;
        }
        const char next = i + 1 < text.size() ? text[i + 1] : '\0';
        const auto end = next == '{' ? text.find('}', i) : std::string_view::npos;
        if (next == '$') {
            out += '$';
            i += 2;
        } else if (end != std::string_view::npos) {
            out += value_of(text.substr(i + 2, end - i - 2), lookup, why);
            i = end + 1;
        } else {
            why = next == '{' ? "\"${\" is not closed"
                              : "a lone \"$\": write $$ for a dollar sign, ${NAME} for a variable";
            return out;
        }
    }
    return out;
}

std::optional<std::string> from_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
}

} // namespace weir::conf
