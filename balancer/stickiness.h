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

// Returns the hash that identifies a backend in its cookies.
std::uint64_t sticky_mark(std::string_view pool, std::string_view backend);

struct StickyCookie {
    std::uint64_t mark;
    std::uint32_t issued; // Unix time in seconds

    std::string text() const;
    // Parses a cookie; returns an unset value if it is not one of weir's.
    static std::optional<StickyCookie> parse(std::string_view text);
};

// Returns true if a cookie should be renewed because half of its lifetime is over. A cookie without a lifetime (0), or
// with a time of issue in the future because the clock was set back, is not renewed.
bool is_stale(const StickyCookie& cookie, std::uint32_t now, std::chrono::seconds ttl);

} // namespace weir::balancer
