// A connection to one Redis server, made when it is needed and again when it broke. Every command has a time limit;
// passwords never appear in a message.
//
// Thread: the control thread; one command at a time.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/lock.h"
#include "lock/redis_reply.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <optional>

namespace weir::lock {

// "redis://HOST:PORT/DB"; the port may be left out (6379), and the database (0).
struct RedisAddress {
    std::string host, port = "6379";
    unsigned database = 0;

    static std::optional<RedisAddress> parse(std::string_view url);
};

struct RedisOptions {
    std::string url, username, password;
    std::chrono::milliseconds timeout{1000}; // of connecting, and of each command
};

class RedisClient {
public:
    RedisClient(boost::asio::any_io_executor executor, RedisOptions options);

    // Sends one command. An error means that it is unknown whether the server carried it out.
    Awaitable<Result<RedisReply>> call(std::vector<std::string> words);

    void close();
    const std::string& problem() const { return problem_; } // the last error, in words

private:
    Awaitable<boost::system::error_code> connect();
    Awaitable<boost::system::error_code> introduce(unsigned database);
    Awaitable<Result<RedisReply>> exchange(const std::vector<std::string>& words);
    boost::system::error_code fail(std::string why);

    boost::asio::any_io_executor executor_;
    RedisOptions options_;
    std::string problem_;
    boost::asio::ip::tcp::socket socket_;
    RedisReader reader_;
};

} // namespace weir::lock
