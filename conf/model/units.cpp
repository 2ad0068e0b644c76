#include "conf/model/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace weir::conf {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array<Unit, 5> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 4> size_units{{{"B", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}}};
constexpr std::uint64_t longest_ms = 365ull * 86'400'000;
constexpr std::uint64_t largest_size = 1ull << 50;
constexpr std::uint64_t max_rate = 1'000'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Splits "15s" into 15 and "s". Returns an unset value if the number is missing, has a leading zero, or is too large.
std::optional<std::uint64_t> split_number(std::string_view text, std::string_view& unit) {
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    unit = text.substr(digits);
    std::uint64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + digits, value);
    if (digits == 0 || result.ec != std::errc{} || (digits > 1 && text[0] == '0')) return std::nullopt;
    return value;
}

template <std::size_t N>
std::optional<std::uint64_t> scaled(std::uint64_t number, std::string_view unit, const std::array<Unit, N>& units,
                                    std::uint64_t most) {
    for (const auto& u : units)
        if (u.name == unit && number <= most / u.factor) return number * u.factor;
    return std::nullopt;
}

std::string quoted(std::string_view text) { return "\"" + std::string(text.substr(0, 40)) + "\""; }

} // namespace

Result<Duration> parse_duration(std::string_view text) {
    std::string_view unit;
    const auto number = split_number(text, unit);
    if (number && unit.empty())
        return Error("a duration needs a unit: " + std::string(text) + "s or " + std::string(text) +
                     "ms (also m, h, d)");
    const auto ms = number ? scaled(*number, unit, duration_units, longest_ms) : std::nullopt;
    if (!ms)
        return Error(quoted(text) +
                     " is not a duration of at most 365d: write a whole number and ms, s, m, h or d, such as 5s");
    if (*ms == 0) return Error("a duration must be more than 0; the minimum is 1ms");
    return Duration(static_cast<Duration::rep>(*ms));
}

Result<Size> parse_size(std::string_view text) {
    if (text == "0") return Size{};
    std::string_view unit;
    const auto number = split_number(text, unit);
    if (number && unit.empty())
        return Error("a size needs a unit: " + std::string(text) + "KiB or " + std::string(text) + "B (also MiB, GiB)");
    const auto bytes = number ? scaled(*number, unit, size_units, largest_size) : std::nullopt;
    if (!bytes)
        return Error(quoted(text) + " is not a size: write a whole number and B, KiB, MiB or GiB, such as 16KiB");
    return Size{*bytes};
}

Result<Percent> parse_percent(std::string_view text) {
    std::string_view unit;
    const auto number = split_number(text, unit);
    if (!number || unit != "%" || *number > 100) return Error(quoted(text) + " is not a share: write 0% to 100%");
    return Percent{static_cast<std::uint32_t>(*number)};
}

Result<Workers> parse_workers(std::string_view text) {
    if (text == "auto") return Workers{};
    const auto count = parse_whole(text, 1, 256);
    if (!count) return count.error();
    return Workers{static_cast<std::uint32_t>(*count)};
}

Result<Parallel> parse_parallel(std::string_view text) {
    if (!text.ends_with('%')) {
        const auto count = parse_whole(text, 1, 1000);
        if (!count) return count.error();
        return Parallel{static_cast<std::uint32_t>(*count), {}};
    }
    const auto share = parse_percent(text);
    if (!share) return share.error();
    if (share->value == 0) return Error("at least one at a time: write a number, or 1% to 100%");
    return Parallel{1, *share};
}

Result<Rate> parse_rate(std::string_view text) {
    const auto slash = text.find('/');
    const auto unit = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
    const auto count = parse_whole(text.substr(0, slash), 1, max_rate);
    for (const auto& known : duration_units)
        if (count && known.name == unit && unit != "ms")
            return Rate{static_cast<std::uint32_t>(*count), Duration(static_cast<Duration::rep>(known.factor))};
    return Error(quoted(text) + " is not a rate: write a number of requests up to " + std::to_string(max_rate) +
                 " and a time, such as 100/s or 20/m (also h, d)");
}

std::uint32_t Parallel::of(std::size_t all) const {
    if (share.value == 0) return count;
    return std::max(1u, static_cast<std::uint32_t>(all * share.value / 100));
}

Result<std::uint64_t> parse_whole(std::string_view text, std::uint64_t least, std::uint64_t most) {
    std::string_view rest;
    const auto number = split_number(text, rest);
    if (number && rest.empty() && *number >= least && *number <= most) return *number;
    const bool octal = text.size() > 1 && text[0] == '0' && is_digit(text[1]);
    return Error(quoted(text) + " is not a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
                 (octal ? " (leave out the leading zero)" : ""));
}

std::string format(Duration duration) {
    const auto ms = static_cast<std::uint64_t>(duration.count());
    for (auto u = duration_units.rbegin(); u != duration_units.rend(); ++u)
        if (ms >= u->factor && ms % u->factor == 0) return std::to_string(ms / u->factor) + std::string(u->name);
    return std::to_string(ms) + "ms";
}

std::string format(Size size) {
    if (size.bytes == 0) return "0";
    for (auto u = size_units.rbegin(); u != size_units.rend(); ++u)
        if (size.bytes % u->factor == 0) return std::to_string(size.bytes / u->factor) + std::string(u->name);
    return std::to_string(size.bytes) + "B";
}

std::string format(Percent percent) { return std::to_string(percent.value) + "%"; }

std::string format(Parallel parallel) {
    return parallel.share.value ? format(parallel.share) : std::to_string(parallel.count);
}

std::string format(Rate rate) {
    for (const auto& unit : duration_units)
        if (Duration(static_cast<Duration::rep>(unit.factor)) == rate.per)
            return std::to_string(rate.count) + "/" + std::string(unit.name);
    return std::to_string(rate.count) + "/" + format(rate.per);
}

std::string format(Workers workers) { return workers.count == 0 ? "auto" : std::to_string(workers.count); }

} // namespace weir::conf
