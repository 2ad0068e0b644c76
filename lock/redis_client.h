// A conversation with one Redis server, or with the master that Sentinels name: begun when it is needed, and again when
// it broke; with pauses, where it cannot be reached. Every step has a time limit; passwords never appear in a message.
//
// Thread: the control thread. Calls may overlap: they take turns.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/backoff.h"
#include "lock/lock.h"
#include "lock/redis_reply.h"
#include "lock/redis_stream.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <string>
#include <vector>

namespace weir::lock {

struct RedisOptions {
    std::string url, username, password;                        // of the server, or of the master that a Sentinel names
    std::chrono::milliseconds timeout{1000};                    // of connecting, and of each command
    std::string ca;                                             // a file of certificates, with TLS; empty: the system's
    std::vector<std::string> sentinels;                         // the URLs of all Sentinels, where `url` is one
    std::string sentinel_username = {}, sentinel_password = {}; // of the Sentinels themselves
};

class RedisClient {
public:
    RedisClient(boost::asio::any_io_executor executor, RedisOptions options);

    // Sends one command. An error means that it is unknown whether the server carried it out. A reply that says that
    // this server cannot serve (it loads, it is a replica, it wants a password) ends the conversation.
    Awaitable<Result<RedisReply>> call(std::vector<std::string> words);

    // A server that could not be reached is tried again at once.
    void hurry() { again_.succeeded(); }
    void close() { stream_.close(); }
    const std::string& problem() const { return problem_; } // the last error, in words

private:
    Awaitable<Result<RedisReply>> call_alone(std::vector<std::string> words);
    Awaitable<boost::system::error_code> reconnect();
    Awaitable<boost::system::error_code> connect();
    Awaitable<boost::system::error_code> find_master(RedisAddress& address);
    Awaitable<boost::system::error_code> log_in(const std::string& username, const std::string& password);
    Awaitable<boost::system::error_code> command(const std::vector<std::string>& words);
    Awaitable<Result<RedisReply>> exchange(const std::vector<std::string>& words);
    boost::system::error_code fail(std::string why);

    RedisOptions options_;
    std::string problem_;
    RedisStream stream_;
    RedisReader reader_;
    boost::asio::steady_timer turn_; // cancelled when a call ends
    bool busy_ = false;
    Reconnect again_;
};

// An error reply with what helps against it: "-LOADING …", "-READONLY …", "-NOAUTH …", "-MOVED …".
std::string explain(const std::string& error);
// Whether it tells that another try, elsewhere or later, may go better.
bool is_about_server(const std::string& error);

} // namespace weir::lock
