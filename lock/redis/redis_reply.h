// One reply of a Redis server as a value. The reader of hiredis parses the bytes.
//
// Thread: values; a reader belongs to one connection.
// Lifetime: values that own what they hold.
#pragma once

#include "lock/redis/redis_error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace weir::lock {

struct RedisReply {
    enum class Type { nil, text, number, error, list };

    Type type = Type::nil;
    std::string text; // set for text and error
    std::int64_t number = 0;
    std::vector<RedisReply> items;
    RedisError error = RedisError::other; // the kind of an error

    bool is_error() const { return type == Type::error; }
};

// Returns the text of an error reply, with advice on how to fix it.
std::string explain(const RedisReply& error);

enum class ReaderState { needs_more, has_reply, broken };

// Parses replies from bytes as they arrive. A reply may have at most 1 MiB and a list at most 4096 elements; lists nest
// at most seven deep (hiredis's own limit).
class RedisReader {
public:
    RedisReader();

    // Parses more bytes. Sets `reply` when it is complete.
    ReaderState feed(std::string_view bytes, RedisReply& reply);

private:
    struct Free {
        void operator()(redisReader* reader) const;
    };

    std::unique_ptr<redisReader, Free> reader_;
    std::size_t fed_ = 0; // bytes since the last complete reply
};

// Returns the command in the format of the Redis protocol.
std::string format_command(const std::vector<std::string>& words);

} // namespace weir::lock
