#include "proxy/limits/rate_limiter.h"

#include <algorithm>

namespace weir::proxy::limits {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t lines = 16 * 1024; // 1 MiB: the limits of 131,072 clients

nanoseconds interval_of(const conf::Rate& rate) {
    return std::max(nanoseconds(rate.per) / rate.count, nanoseconds(1000));
}

std::uint32_t burst_of(const conf::RateLimit& limit) {
    if (limit.burst > 0) return limit.burst;
    return std::max(1u, static_cast<std::uint32_t>(std::chrono::seconds(1) / interval_of(limit.rate)));
}

std::string policy_of(const conf::RateLimit& limit, const std::string& name) {
    const auto burst = burst_of(limit);
    using Seconds = std::chrono::duration<double>; // in nanoseconds, the longest windows overflow
    const auto window = std::chrono::ceil<std::chrono::seconds>(Seconds(interval_of(limit.rate)) * burst);
    return name + ";q=" + std::to_string(burst) + ";w=" + std::to_string(window.count());
}

// Returns a string of structured fields (RFC 8941 section 3.3.3).
std::string quoted(const std::string& name) {
    std::string out = "\"";
    for (const char c : name) {
        if (c == '"' || c == '\\') out += '\\';
        out += c >= 0x20 && c < 0x7f ? c : '?';
    }
    return out + '"';
}

} // namespace

RateLimiter::RateLimiter(const conf::RateLimit& limit, const std::string& name, const SipKey& secret,
                         RateTable::Time now)
    : key_(limit.by), hash_(secret), name_(quoted(name)), policy_(policy_of(limit, name_)),
      table_(interval_of(limit.rate), burst_of(limit), lines, now) {}

RateDecision RateLimiter::take(const conf::Address& client, RateTable::Time now) {
    return table_.take(hash_.of(client), now);
}

RateDecision RateLimiter::take(std::string_view client, RateTable::Time now) {
    return table_.take(hash_.of(client), now);
}

std::string RateLimiter::limit_field(std::chrono::seconds wait) const {
    return name_ + ";r=0;t=" + std::to_string(wait.count());
}

} // namespace weir::proxy::limits
