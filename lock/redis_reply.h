// One reply of a Redis server, as values. The bytes are read by hiredis's reader.
//
// Thread: values; a reader belongs to one connection.
// Lifetime: own what they hold.
#pragma once

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
    std::string text; // of text and error
    std::int64_t number = 0;
    std::vector<RedisReply> items;
};

enum class ReaderState { needs_more, has_reply, broken };

// Takes bytes as they come and gives whole replies. No reply may be larger than 1 MiB, no list longer than
// 4096, and lists stand in lists seven deep at most (hiredis's own bound).
class RedisReader {
public:
    RedisReader();

    ReaderState feed(std::string_view bytes, RedisReply& reply);

private:
    struct Free {
        void operator()(redisReader* reader) const;
    };

    std::unique_ptr<redisReader, Free> reader_;
    std::size_t fed_ = 0; // since the last whole reply
};

// A command in the protocol's form.
std::string format_command(const std::vector<std::string>& words);

} // namespace weir::lock
