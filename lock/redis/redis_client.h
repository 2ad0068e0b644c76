// A connection to one Redis server, or to the master that Sentinels name. It is opened by the first call and reopened
// after an error, with backoff if the server cannot be reached. Every step has a timeout; passwords never appear in a
// message.
//
// Thread: the control thread. Calls may overlap; they are sent in the order in which they were made.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "base/async_mutex.h"
#include "base/clock.h"
#include "lock/lease/backoff.h"
#include "lock/lease/lock.h"
#include "lock/redis/redis_reply.h"
#include "lock/redis/redis_stream.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace weir::lock {

struct RedisOptions {
    std::string url, username, password;     // for the server, or for the master that a Sentinel names
    std::chrono::milliseconds timeout{1000}; // for connecting, and for each command
    std::string ca;                          // a file of CA certificates, for TLS; empty: the system's
    std::vector<std::string> sentinels;      // the URLs of all Sentinels, if `url` is one of them
    std::string sentinel_username = {}, sentinel_password = {}; // for the Sentinels themselves
};

class RedisClient {
public:
    RedisClient(boost::asio::any_io_executor executor, RedisOptions options);

    // Sends one command. After an error it is unknown whether the server carried out the command. If the reply says
    // that this server cannot serve (it is loading, is a replica, or requires a password), the connection is closed.
    Awaitable<Result<RedisReply>> call(std::vector<std::string> words);

    // Cancels the backoff: the next call tries to connect at once.
    void hurry() { again_.succeeded(); }
    void close() { stream_.close(); }
    // Returns how many connections have been opened. If the number has changed, the connection is new, and the server
    // may have been restarted.
    std::uint64_t connections() const { return connections_; }
    bool is_connected() const { return stream_.is_open(); }
    const std::string& url() const { return options_.url; }
    // Describes what the client is waiting for, with the URL: "redis://…: connecting for 400 ms" or "redis://…: no
    // answer for 2 s". Returns the last error if no call is in flight.
    std::string state() const;

private:
    enum class Step { none, connecting, asking };

    Awaitable<Result<RedisReply>> call_alone(std::vector<std::string> words);
    Awaitable<Result<void>> reconnect();
    Awaitable<Result<void>> connect();
    Awaitable<Result<void>> find_master(RedisAddress& address);
    Awaitable<Result<RedisAddress>> ask_sentinel(const RedisAddress& sentinel);
    Awaitable<Result<void>> log_in(const std::string& username, const std::string& password);
    Awaitable<Result<void>> command(const std::vector<std::string>& words);
    Awaitable<Result<RedisReply>> exchange(const std::vector<std::string>& words);
    // Closes the connection, and stores and returns the error.
    Error fail(const std::string& reason);
    void begin(Step step);

    Clock& clock_;
    RedisOptions options_;
    std::optional<Error> problem_; // the last error, with the URL
    RedisStream stream_;
    RedisReader reader_;
    std::uint64_t connections_ = 0;
    AsyncMutex queue_;
    Step step_ = Step::none;
    Clock::TimePoint step_began_{};
    Reconnect again_;
};

} // namespace weir::lock
