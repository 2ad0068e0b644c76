#include "conf/read/expand.h"

#include <cctype>
#include <cstdlib>

namespace weir::conf {
namespace {

constexpr int max_depth = 8; // of nested defaults

bool is_name(std::string_view name) {
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
    for (const char c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
    return true;
}

// Returns the position of the "}" that closes the "${" at `open`, or npos.
std::size_t find_close(std::string_view text, std::size_t open) {
    std::size_t depth = 0;
    for (std::size_t i = open; i < text.size(); ++i) {
        const auto two = text.substr(i, 2);
        if (two == "$$") ++i;
        else if (two == "${") ++depth, ++i;
        else if (text[i] == '}' && --depth == 0) return i;
    }
    return std::string_view::npos;
}

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

class Expander {
public:
    explicit Expander(const Lookup& lookup) : lookup_(lookup) {}

    void expand(std::string_view text, int depth) {
        for (std::size_t i = 0; i < text.size();) {
            if (text[i] != '$') {
                out_.text += text[i++];
                continue;
            }
            const char next = i + 1 < text.size() ? text[i + 1] : '\0';
            const auto end = next == '{' ? find_close(text, i) : std::string_view::npos;
            if (next == '$') {
                out_.text += '$';
                i += 2;
            } else if (end != std::string_view::npos) {
                expand_variable(text.substr(i + 2, end - i - 2), depth);
                i = end + 1;
            } else if (next == '{') {
                return fail("\"${\" is not closed");
            } else if (begins_name(next)) {
                return fail("a lone \"$\": write $$ for a dollar sign, ${NAME} for a variable");
            } else { // the end of a regular expression, or a price
                out_.text += '$';
                ++i;
            }
        }
    }

    Result<Expanded> take() {
        if (error_) return *error_;
        return std::move(out_);
    }

private:
    void fail(std::string message) { error_ = Error(std::move(message)); }

    // `inside` is the text between "${" and "}".
    void expand_variable(std::string_view inside, int depth) {
        const auto split = inside.find(":-");
        const std::string name(inside.substr(0, split));
        if (!is_name(name)) return fail("\"${" + std::string(inside) + "}\" does not name an environment variable");
        const auto value = lookup_(name);
        if (split != std::string_view::npos && (!value || value->empty())) {
            if (depth == max_depth) fail("nested defaults: at most " + std::to_string(max_depth) + " levels");
            else expand(inside.substr(split + 2), depth + 1);
            return;
        }
        if (!value)
            return fail("the environment variable " + name + " is not set; set it, or give a default: ${" + name +
                        ":-…}");
        if (value->empty()) return;
        out_.text += *value;
        out_.variables.push_back({name, *value});
    }

    const Lookup& lookup_;
    std::optional<Error> error_; // the last one
    Expanded out_;
};

} // namespace

Result<Expanded> expand(std::string_view text, const Lookup& lookup) {
    Expander expander(lookup);
    expander.expand(text, 0);
    return expander.take();
}

std::optional<std::string> from_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
}

} // namespace weir::conf
