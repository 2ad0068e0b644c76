// Which backend a client belongs to, as a cookie tells: an opaque mark of the backend's name, the same on every machine
// of a fleet and after every restart, and the time at which it was given.
//
//   weir_backend=3f2a9c01d4e5b677-6f1a2b3c       16 hex digits of the mark, 8 of the Unix time
//
// Thread: pure functions and values.
// Lifetime: owns what it holds.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::balancer {

std::uint64_t sticky_mark(std::string_view pool, std::string_view backend);

struct StickyCookie {
    std::uint64_t mark;
    std::uint32_t given; // Unix time in seconds

    std::string text() const;
    static std::optional<StickyCookie> parse(std::string_view text); // unset: not one of weir's
};

// Whether a cookie is to be given anew before it runs out: half of its time is over. Without one (0) it never is. A
// clock that was turned back counts as no time.
bool is_stale(const StickyCookie& cookie, std::uint32_t now, std::chrono::seconds ttl);

} // namespace weir::balancer
