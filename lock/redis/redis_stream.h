// The byte stream to one Redis server: TCP, or TLS with the server's certificate verified. Every operation ends within
// the timeout.
//
// Thread: the control thread; one operation at a time.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/lease/lock.h"
#include "lock/redis/redis_address.h"

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

    // Connects. `ca` is a file of CA certificates for TLS; if it is empty, the system's are used. Returns an error
    // message, or an empty string on success.
    Awaitable<std::string> open(RedisAddress address, std::string ca);
    // Writes all bytes. Returns an error message, or an empty string on success.
    Awaitable<std::string> write(std::string_view bytes);
    // Reads some bytes and appends them to `into`. Returns an error message, or an empty string on success.
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
