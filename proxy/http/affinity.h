// Affinity of a request to one backend: the key of the algorithm `hash`, and the sticky cookie.
//
// Thread: pure functions; the clock is an argument.
// Lifetime: the functions keep nothing.
#pragma once

#include "balancer/stickiness.h"
#include "conf/model/config.h"
#include "proxy/http1/head.h"
#include "proxy/snapshot/snapshot.h"

#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy::http {

// Returns the value of a cookie (RFC 6265 section 5.4), with its quotes; unset if the request does not have the cookie.
std::optional<std::string_view> find_cookie(const RequestHead& head, std::string_view name);

// Returns the value of the only cookie of this name; empty if there is none or more than one.
std::string_view find_only_cookie(const RequestHead& head, std::string_view name);

// Returns the key for consistent hashing; unset if the request lacks the configured header or cookie.
std::optional<std::uint64_t> hash_key(const conf::Hash& hash, const RequestHead& head, std::string_view client_ip);

// What the sticky cookie of a request contains.
struct Affinity {
    std::optional<std::size_t> member; // index in the pool
    bool stale = false;                // the client should get a fresh cookie for the same member
};
// Returns what the sticky cookie of a request says. The member is unset if the request has no valid cookie, or if the
// backend was removed.
Affinity find_belonging(const PoolSpec& pool, const RequestHead& head, std::uint32_t unix_now);

enum class Scheme { http, https };

// Returns the value of a Set-Cookie field that pins a client to a member.
std::string make_cookie(const PoolSpec& pool, std::size_t member, std::uint32_t unix_now, Scheme scheme);

} // namespace weir::proxy::http
