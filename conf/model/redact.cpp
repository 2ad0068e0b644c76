#include "conf/model/redact.h"

#include "conf/base/hash.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

namespace weir::conf {
namespace {

constexpr std::size_t min_unquoted = 6;
constexpr std::string_view prefix = "sha256:";
constexpr std::size_t fingerprint_length = prefix.size() + 12;

// Returns the fingerprint that a displayed value consists of or ends with; empty if the value is not hidden.
std::string_view find_fingerprint(std::string_view shown) {
    if (shown.starts_with(prefix)) return shown.size() == fingerprint_length ? shown : std::string_view();
    if (!shown.ends_with(')') || shown.size() < fingerprint_length + 3) return {};
    const auto start = shown.size() - 1 - fingerprint_length;
    const auto found = shown.substr(start, fingerprint_length);
    return found.starts_with(prefix) && shown.substr(start - 2, 2) == " (" ? found : std::string_view();
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

void hide(std::string& message, const std::string& value, const std::string& name) {
    if (value.empty()) return;
    if (value.size() >= min_unquoted) replace_all(message, value, name);
    else replace_all(message, "\"" + value + "\"", "\"" + name + "\"");
}

// Returns the part of this word that is user info; empty if there is none. In a word without a scheme, only a user name
// with a password counts.
std::string_view find_user_info(std::string_view word) {
    const auto scheme = word.find("://");
    const auto start = scheme == std::string_view::npos ? 0 : scheme + 3;
    const auto sign = word.rfind('@');
    if (sign == std::string_view::npos || sign <= start) return {};
    const bool is_url = start > 0;
    const bool has_password = !word.starts_with("unix:") && word.find(':') < sign;
    return is_url || has_password ? word.substr(start, sign - start) : std::string_view();
}

// Replaces user info: "redis://user:secret@host" becomes "redis://***@host", and "user:secret@host" becomes "***@host".
void hide_user_info(std::string& message) {
    constexpr auto separators = " \t\n\"'";
    for (auto at = message.find_first_not_of(separators); at < message.size();) {
        auto end = std::min(message.find_first_of(separators, at), message.size());
        const auto info = find_user_info(std::string_view(message).substr(at, end - at));
        if (!info.empty()) {
            const auto start = static_cast<std::size_t>(info.data() - message.data()), length = info.size();
            message.replace(start, length, "***");
            end = end - length + 3;
        }
        at = message.find_first_not_of(separators, end);
    }
}

} // namespace

std::string fingerprint(std::string_view value) {
    return std::string(prefix) + sha256_hex("weir:" + std::string(value)).substr(0, 12);
}

std::string hidden(const std::string& written, std::string_view value) {
    return written + " (" + fingerprint(value) + ")";
}

bool is_same_value(std::string_view a, std::string_view b) {
    if (a == b) return true;
    const auto first = find_fingerprint(a), second = find_fingerprint(b);
    if (first.empty() && second.empty()) return false;
    return (first.empty() ? fingerprint(a) : first) == (second.empty() ? fingerprint(b) : second);
}

bool is_sensitive_header(std::string_view name) {
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return c == '_' ? '-' : static_cast<char>(std::tolower(c)); });
    const auto words = {"authorization", "cookie", "token",      "secret",  "password",  "passwd",    "api-key",
                        "apikey",        "-auth",  "credential", "session", "signature", "access-key"};
    return std::any_of(words.begin(), words.end(),
                       [&](const char* word) { return lower.find(word) != std::string::npos; });
}

std::string redact(std::string message, const std::vector<Substitution>& substitutions) {
    for (const auto& each : substitutions) hide(message, each.text, each.written);
    for (const auto& each : substitutions)
        for (const auto& variable : each.variables) hide(message, variable.value, "${" + variable.name + "}");
    hide_user_info(message);
    return message;
}

} // namespace weir::conf
