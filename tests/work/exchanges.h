// Whole exchanges over sockets in memory, whose work is counted.
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
    int status = 200; // of the last response that the client gets
};

// One pool with two backends, which all requests are for, and limits that are as wide as a configuration allows.
conf::Config plain_config();
// The same with all that looks at heads: trusted proxies, a sticky cookie, hashing by another cookie, a route with
// edits.
conf::Config busy_config();

void add_backends(conf::Pool& pool, std::size_t count);

// The work for what a client and a backend say, on a worker of its own. The test fails if it ends in another status.
std::uint64_t work_of(const conf::Config& config, const Talk& talk);

std::string repeat(std::string_view text, std::size_t times);
// `before`, a number of five digits and `after`, with `count` numbers.
std::string numbered(std::string_view before, std::size_t count, std::string_view after);

// Requires that the step from 2 `size` to 4 `size` takes about twice as much work as the one from `size` to 2 `size`:
// at most 2.5 times, and at least 1.6 times, as a shape that is refused early would prove nothing.
void check_linear(std::size_t size, const std::function<std::uint64_t(std::size_t)>& work);
// Requires that 16 times the size takes at most one and a half times the steps.
void check_sublinear(std::size_t size, const std::function<std::uint64_t(std::size_t)>& work);

} // namespace weir::work
