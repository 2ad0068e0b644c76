// One or several independent Redis servers, asked all at once: what a majority answers counts.
//
// Thread: the control thread. Calls may overlap.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/redis_client.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::lock {

// Whether a server that could not be reached a moment ago is asked all the same: somebody waits for the answer.
enum class Urgency { now, when_due };

class RedisQuorum {
public:
    RedisQuorum(boost::asio::any_io_executor executor, const std::vector<RedisOptions>& servers);

    // Runs a script everywhere: `words` are its text, the number of its keys, the keys and the arguments. Gives the
    // answers of a majority at least; an answer that is an error is none.
    Awaitable<Result<std::vector<RedisReply>>> run(std::vector<std::string> words, Urgency urgency = Urgency::now);
    // The highest of the numbers that were answered.
    Awaitable<Result<std::uint64_t>> count(std::vector<std::string> words);
    // Whether a majority answers 1; `lost` where it does not.
    Awaitable<boost::system::error_code> agree(std::vector<std::string> words);

    const std::string& problem() const { return problem_; } // what was unavailable, in words

private:
    boost::asio::any_io_executor executor_;
    std::string problem_;
    std::vector<std::unique_ptr<RedisClient>> clients_;
};

} // namespace weir::lock
