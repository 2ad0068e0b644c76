// Queries one or several independent Redis servers in parallel. The replies of a majority decide.
//
// Thread: the control thread. Calls may overlap.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/redis/gather.h"
#include "lock/redis/redis_client.h"
#include "lock/redis/redis_persistence.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::lock {

// Whether to query a server at once, even during its reconnect backoff, because an operation waits for the reply, or
// only after the backoff.
enum class Urgency { now, when_due };

class RedisQuorum {
public:
    RedisQuorum(boost::asio::any_io_executor executor, const std::vector<RedisOptions>& servers);

    // Runs a script on all servers: `words` are its text, the number of its keys, the keys and the arguments. Returns
    // the replies of at least a majority; an error reply does not count. Once a majority has answered, the others get
    // only the grace period of `gather`. Fails with `unavailable` if there is no majority; the message contains the
    // error of each of the other servers, or what it is doing.
    Awaitable<Result<std::vector<RedisReply>>> run(std::vector<std::string> words, Urgency urgency = Urgency::now);
    // Runs a script on all servers and returns the highest of the numbers in their replies.
    Awaitable<Result<std::uint64_t>> count(std::vector<std::string> words);
    // Runs a script on all servers. Succeeds if a majority returns 1, and fails with `lost` if a majority answers but
    // too few servers return 1.
    Awaitable<Result<void>> agree(std::vector<std::string> words);

    // Queries whether the data of the servers survives a restart. Skips servers that are not connected, or were already
    // queried on their current connection.
    Awaitable<void> learn_persistence();
    struct Server {
        std::string url;
        Persistence persistence;
    };
    std::vector<Server> servers() const;
    std::string state() const; // what each server is doing while a query is in flight

private:
    using Answers = Gathered<Result<RedisReply>>;
    using IsEnough = std::function<bool(const Answers&)>;
    Awaitable<Result<std::vector<RedisReply>>> ask(std::vector<std::string> words, Urgency urgency, IsEnough is_enough);
    bool is_majority(std::size_t count) const { return count > clients_.size() / 2; }

    boost::asio::any_io_executor executor_;
    std::vector<std::shared_ptr<RedisClient>> clients_; // shared with queries in flight
    struct Known {
        Persistence persistence = Persistence::unknown;
        std::uint64_t connection = 0; // the connection on which it was queried; 0: none
        bool may_ask = true;          // false: it refused the query and is not queried again
    };
    std::vector<Known> known_; // one for each client
};

} // namespace weir::lock
