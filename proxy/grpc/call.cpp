#include "proxy/grpc/call.h"

#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::grpc {
namespace {

using std::chrono::nanoseconds;

// Returns the length of a unit of grpc-timeout; 0 if there is no such unit.
nanoseconds length_of(char unit) {
    switch (unit) {
    case 'H': return std::chrono::hours(1);
    case 'M': return std::chrono::minutes(1);
    case 'S': return std::chrono::seconds(1);
    case 'm': return std::chrono::milliseconds(1);
    case 'u': return std::chrono::microseconds(1);
    case 'n': return nanoseconds(1);
    default: return nanoseconds(0);
    }
}

constexpr std::size_t most_digits = 8; // of grpc-timeout
// Of a service and a method together, as a label of a metric.
constexpr std::size_t longest_name = 256;

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return http::is_name(c); });
}

} // namespace

bool is_grpc_type(std::string_view type) {
    if (!http::same_word(type.substr(0, content_type.size()), content_type)) return false;
    const auto rest = http::trim(type.substr(content_type.size()));
    return rest.empty() || rest.front() == ';' || type[content_type.size()] == '+';
}

bool is_call(const http::RequestHead& head) {
    return head.method == "POST" && is_grpc_type(head.find_only("content-type"));
}

std::optional<nanoseconds> timeout_of(const http::RequestHead& head) {
    return parse_timeout(head.find_only("grpc-timeout"));
}

std::optional<nanoseconds> parse_timeout(std::string_view value) {
    if (value.size() < 2 || value.size() > most_digits + 1) return std::nullopt;
    const auto unit = length_of(value.back());
    value.remove_suffix(1);
    if (unit.count() == 0 || !std::all_of(value.begin(), value.end(), http::is_digit)) return std::nullopt;
    std::int64_t number = 0;
    for (const char c : value) number = 10 * number + (c - '0');
    // 99999999 hours are more than fits, and than anyone waits.
    return number > nanoseconds::max() / unit ? nanoseconds::max() : number * unit;
}

std::optional<MethodName> method_of(std::string_view path) {
    path = path.substr(0, path.find('?'));
    if (path.size() > longest_name || !path.starts_with('/')) return std::nullopt;
    const auto slash = path.find('/', 1);
    if (slash == std::string_view::npos) return std::nullopt;
    const MethodName name{path.substr(1, slash - 1), path.substr(slash + 1)};
    return is_name(name.service) && is_name(name.method) ? std::optional(name) : std::nullopt;
}

} // namespace weir::proxy::grpc
