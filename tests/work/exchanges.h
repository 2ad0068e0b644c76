// Runs whole exchanges over sockets in memory and counts their work.
//
// Thread: one.
// Lifetime: values own their texts.
#pragma once

#include "conf/model/config.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace weir::work {

inline constexpr std::size_t everything = ~std::size_t{0};

// What a client and a backend send, in pieces of `piece` bytes, and how many bytes the client takes at a time. The
// backend answers every request in the same way, once the client has sent all of them.
struct Talk {
    std::string requests = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    std::string response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    std::size_t piece = everything, window = everything;
    int status = 200; // that of the last response that the client gets
};

// One pool with two backends, which serves all requests, and limits that are as wide as a configuration allows.
conf::Config plain_config();
// The same with all features that inspect heads: trusted proxies, a sticky cookie, hashing by another cookie, and a
// route with edits.
conf::Config busy_config();

void add_backends(conf::Pool& pool, std::size_t count);

// Returns the work for an exchange on a new worker. The test fails if the exchange ends in another status.
std::uint64_t work_of(const conf::Config& config, const Talk& talk);

std::string repeat(std::string_view text, std::size_t times);
// Returns `count` pieces: each is `before`, another number of five digits, and `after`.
std::string numbered(std::string_view before, std::size_t count, std::string_view after);

// Requires that the step from 2 `size` to 4 `size` takes about twice as much work as the one from `size` to 2 `size`:
// at most 2.5 times, and at least 1.6 times, because a shape that is refused early proves nothing.
void check_linear(std::size_t size, const std::function<std::uint64_t(std::size_t)>& work);
// Requires that 16 times the size takes at most 1.5 times the steps.
void check_sublinear(std::size_t size, const std::function<std::uint64_t(std::size_t)>& work);

} // namespace weir::work
