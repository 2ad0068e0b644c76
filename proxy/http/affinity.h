// What ties a request to one backend: the key that the algorithm `hash` goes by, and the sticky cookie.
//
// Thread: pure functions; the clock is an argument.
// Lifetime: nothing is kept.
#pragma once

#include "balancer/stickiness.h"
#include "conf/config.h"
#include "proxy/http/head.h"
#include "proxy/snapshot.h"

#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy::http {

// The value of a cookie (RFC 6265 section 5.4), quotes and all; unset where there is none.
std::optional<std::string_view> find_cookie(const RequestHead& head, std::string_view name);

// Unset where the request has nothing of the kind: any backend will do.
std::optional<std::uint64_t> hash_key(const conf::Hash& hash, const RequestHead& head, std::string_view client_ip);

// What the sticky cookie of a request says.
struct Belonging {
    std::optional<std::size_t> member; // of the pool
    bool stale = false;                // it is to be given anew, to the same one
};
Belonging find_belonging(const PoolSpec& pool, const RequestHead& head, std::uint32_t unix_now);

enum class Scheme { http, https };

// The value of a Set-Cookie field that ties a client to a member.
std::string make_cookie(const PoolSpec& pool, std::size_t member, std::uint32_t unix_now, Scheme scheme);

} // namespace weir::proxy::http
