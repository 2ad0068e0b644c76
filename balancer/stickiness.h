// The sticky cookie, which pins a client to a backend. It holds an opaque hash of the backend's name, the same on every
// machine of a fleet and after every restart, and the time of issue.
//
//   weir_backend=3f2a9c01d4e5b677-6f1a2b3c       16 hex digits of the hash, 8 of the Unix time
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

// Returns the hash of a backend that its cookies carry.
std::uint64_t sticky_mark(std::string_view pool, std::string_view backend);

struct StickyCookie {
    std::uint64_t mark;
    std::uint32_t issued; // Unix time in seconds

    std::string text() const;
    static std::optional<StickyCookie> parse(std::string_view text); // unset: not one of weir's
};

// Returns true if a cookie should be renewed: half of its lifetime is over. A cookie without a lifetime (0), or from
// before the clock was turned back, is not renewed.
bool is_stale(const StickyCookie& cookie, std::uint32_t now, std::chrono::seconds ttl);

} // namespace weir::balancer
