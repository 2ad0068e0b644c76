// The bytes between weir and one Redis server: TCP, or TLS over it with the server's certificate verified. Whatever it
// does ends within its time.
//
// Thread: the control thread; one operation at a time.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/lock.h"
#include "lock/redis_address.h"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace weir::lock {

class RedisStream {
public:
    RedisStream(boost::asio::any_io_executor executor, std::chrono::milliseconds timeout);
    ~RedisStream();
    RedisStream(const RedisStream&) = delete;
    RedisStream& operator=(const RedisStream&) = delete;

    // `ca` is a file of certificates, with TLS; empty: the system's. Returns what went wrong, in words; empty: it
    // stands.
    Awaitable<std::string> open(RedisAddress address, std::string ca);
    // Likewise.
    Awaitable<std::string> write(std::string_view bytes);
    // Adds what has come to `into`.
    Awaitable<std::string> read(std::string& into);

    bool is_open() const;
    void close();

private:
    struct Link;
    Awaitable<std::string> connect(const RedisAddress& address);

    boost::asio::any_io_executor executor_;
    std::chrono::milliseconds timeout_;
    std::unique_ptr<Link> link_;
};

} // namespace weir::lock
