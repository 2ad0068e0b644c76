#include "lock/redis/redis_reply.h"

#include <hiredis/hiredis.h>

namespace weir::lock {
namespace {

constexpr std::size_t largest_reply = 1024 * 1024; // in bytes; enough for a fleet of a thousand machines
constexpr int max_elements = 4096;

// hiredis allocates memory for the announced length of a list at once, so the length is limited to what weir's scripts
// can return.
redisReplyObjectFunctions original_functions, bounded_functions;

redisReplyObjectFunctions* make_functions() {
    static const bool made = [] {
        auto* reader = ::redisReaderCreate();
        original_functions = bounded_functions = *reader->fn;
        ::redisReaderFree(reader);
        bounded_functions.createArray = [](const redisReadTask* task, auto length) -> void* {
            return length > max_elements ? nullptr : original_functions.createArray(task, length);
        };
        return true;
    }();
    return made ? &bounded_functions : nullptr;
}

RedisReply convert(const redisReply& raw) {
    RedisReply reply;
    switch (raw.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS: reply.type = RedisReply::Type::text; break;
    case REDIS_REPLY_ERROR: reply.type = RedisReply::Type::error; break;
    case REDIS_REPLY_INTEGER: reply.type = RedisReply::Type::number; break;
    case REDIS_REPLY_ARRAY: reply.type = RedisReply::Type::list; break;
    default: return reply;
    }
    if (raw.str) reply.text.assign(raw.str, raw.len);
    reply.number = raw.integer;
    if (reply.is_error()) reply.error = parse_redis_error(reply.text);
    for (std::size_t i = 0; reply.type == RedisReply::Type::list && i < raw.elements; ++i)
        if (raw.element[i]) reply.items.push_back(convert(*raw.element[i]));
    return reply;
}

} // namespace

std::string explain(const RedisReply& error) {
    const auto advice = advice_on(error.error);
    return advice.empty() ? error.text : error.text + " (" + std::string(advice) + ")";
}

void RedisReader::Free::operator()(redisReader* reader) const { ::redisReaderFree(reader); }

RedisReader::RedisReader() : reader_(::redisReaderCreateWithFunctions(make_functions())) {}

ReaderState RedisReader::feed(std::string_view bytes, RedisReply& reply) {
    fed_ += bytes.size();
    if (fed_ > largest_reply || ::redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK)
        return ReaderState::broken;
    void* raw = nullptr;
    if (::redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) return ReaderState::broken;
    if (!raw) return ReaderState::needs_more;
    reply = convert(*static_cast<redisReply*>(raw));
    ::freeReplyObject(raw);
    fed_ = 0;
    return ReaderState::has_reply;
}

std::string format_command(const std::vector<std::string>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const auto& word : words) {
        texts.push_back(word.data());
        sizes.push_back(word.size());
    }
    char* raw = nullptr;
    const auto length = ::redisFormatCommandArgv(&raw, static_cast<int>(words.size()), texts.data(), sizes.data());
    std::string out(raw, static_cast<std::size_t>(length > 0 ? length : 0));
    ::redisFreeCommand(raw);
    return out;
}

} // namespace weir::lock
