// The byte stream to one Redis server: TCP, or TLS with the server's certificate verified. The timeout applies to each
// step: connecting, the TLS handshake, writing and reading.
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

    // Connects, with a TLS handshake if the address requires it. `ca` is a file of CA certificates for TLS; if it is
    // empty, the system's are used.
    Awaitable<Result<void>> open(RedisAddress address, std::string ca);
    // Writes all bytes.
    Awaitable<Result<void>> write(std::string_view bytes);
    // Reads the bytes that are available, at least one; waits for them if necessary.
    Awaitable<Result<std::string>> read();

    bool is_open() const;
    void close();

private:
    struct Link;
    Awaitable<Result<void>> connect(const RedisAddress& address);

    boost::asio::any_io_executor executor_;
    std::chrono::milliseconds timeout_;
    std::unique_ptr<Link> link_;
};

} // namespace weir::lock
