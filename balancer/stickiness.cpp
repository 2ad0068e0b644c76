#include "balancer/stickiness.h"

#include "balancer/algorithms/stable_hash.h"

namespace weir::balancer {
namespace {

constexpr std::size_t mark_digits = 16, time_digits = 8;

void put_hex(std::string& out, std::uint64_t value, std::size_t digits) {
    while (digits-- > 0) out += "0123456789abcdef"[value >> (4 * digits) & 15];
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c >= '0' && c <= '9') value = value << 4 | static_cast<std::uint64_t>(c - '0');
        else if (c >= 'a' && c <= 'f') value = value << 4 | static_cast<std::uint64_t>(c - 'a' + 10);
        else return std::nullopt;
    }
    return value;
}

} // namespace

std::uint64_t sticky_mark(std::string_view pool, std::string_view backend) {
    return mix(stable_hash(pool) ^ mix(stable_hash(backend)));
}

std::string StickyCookie::text() const {
    std::string out;
    put_hex(out, mark, mark_digits);
    out += '-';
    put_hex(out, issued, time_digits);
    return out;
}

std::optional<StickyCookie> StickyCookie::parse(std::string_view text) {
    if (text.size() != mark_digits + 1 + time_digits || text[mark_digits] != '-') return std::nullopt;
    const auto mark = parse_hex(text.substr(0, mark_digits)), issued = parse_hex(text.substr(mark_digits + 1));
    if (!mark || !issued) return std::nullopt;
    return StickyCookie{*mark, static_cast<std::uint32_t>(*issued)};
}

bool is_stale(const StickyCookie& cookie, std::uint32_t now, std::chrono::seconds ttl) {
    if (ttl.count() <= 0 || now <= cookie.issued) return false;
    return std::chrono::seconds(now - cookie.issued) * 2 >= ttl;
}

} // namespace weir::balancer
