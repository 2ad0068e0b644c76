#include "proxy/http1/keep_alive.h"

#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

// A request that is sent this long before the backend's deadline arrives in time over any usual path.
constexpr conf::Duration margin = std::chrono::seconds(1);

constexpr std::size_t max_timeout_digits = 9; // 31 years

std::optional<std::chrono::seconds> parse_seconds(std::string_view text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    if (text.empty() || text.size() > max_timeout_digits || !std::all_of(text.begin(), text.end(), is_digit)) return {};
    std::chrono::seconds seconds(0);
    for (const char c : text) seconds = seconds * 10 + std::chrono::seconds(c - '0');
    return seconds;
}

} // namespace

std::optional<std::chrono::seconds> keep_alive_timeout(const std::vector<Field>& fields) {
    std::optional<std::chrono::seconds> smallest;
    for (const auto& field : fields) {
        if (field.id != FieldId::keep_alive) continue;
        for_each_element(field.value, [&](std::string_view element) {
            const auto equals = element.find('=');
            if (equals == std::string_view::npos || !same_word(trim(element.substr(0, equals)), "timeout")) return;
            const auto seconds = parse_seconds(trim(element.substr(equals + 1)));
            if (seconds && (!smallest || *seconds < *smallest)) smallest = seconds;
        });
    }
    return smallest;
}

std::chrono::steady_clock::time_point keep_until(IdleStart since, conf::Duration configured,
                                                 std::optional<std::chrono::seconds> backend_timeout) {
    const auto end = since.here + configured;
    if (!backend_timeout) return end;
    const conf::Duration promised = *backend_timeout;
    return std::min(end, since.at_backend + promised - std::min(margin, promised / 2));
}

} // namespace weir::proxy::http
