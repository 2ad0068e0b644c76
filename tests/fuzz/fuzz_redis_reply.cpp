// A Redis reply: parsing it whole and byte by byte gives the same result.
#include "lock/redis/redis_reply.h"

#include <cstdlib>
#include <string_view>

using namespace weir::lock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    RedisReply whole, parts;
    RedisReader one, two;
    const auto at_once = one.feed(bytes, whole);
    auto by_bytes = ReaderState::needs_more;
    for (std::size_t i = 0; i < size && by_bytes == ReaderState::needs_more; ++i)
        by_bytes = two.feed(bytes.substr(i, 1), parts);
    if (at_once != by_bytes || (at_once == ReaderState::has_reply && whole.type != parts.type)) std::abort();
    return 0;
}
