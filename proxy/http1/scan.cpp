#include "proxy/http1/scan.h"

#include "proxy/http1/chars.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace weir::proxy::http {
namespace {

// Blocks are GCC's portable vectors, which become SSE2 on x86-64 and NEON on arm64.

constexpr std::size_t block_size = 16;
using Block = unsigned char __attribute__((vector_size(block_size)));
using Mask = signed char __attribute__((vector_size(block_size))); // every byte is 0 or -1

Block load(const char* at) {
    Block block;
    std::memcpy(&block, at, block_size);
    return block;
}

// Returns the index of the first byte that is set, or block_size if there is none.
std::size_t first_in(Mask mask) {
    std::uint64_t halves[2];
    std::memcpy(halves, &mask, sizeof halves);
    constexpr bool little = std::endian::native == std::endian::little;
    const auto index = [](std::uint64_t half) {
        return static_cast<std::size_t>(little ? std::countr_zero(half) : std::countl_zero(half)) / 8;
    };
    return halves[0] ? index(halves[0]) : 8 + index(halves[1]);
}

// Returns the first byte that does not belong to the class `Is`, or `end`. `others` finds such bytes in a block.
template <bool (*Is)(char), class Others> const char* skip(const char* at, const char* end, Others others) {
    for (; static_cast<std::size_t>(end - at) >= block_size; at += block_size)
        if (const auto index = first_in(others(load(at))); index < block_size) return at + index;
    while (at < end && Is(*at)) ++at;
    return at;
}

} // namespace

const char* skip_value(const char* at, const char* end) {
    return skip<is_value>(at, end, [](Block block) { return ((block < ' ') & (block != '\t')) | (block == 0x7f); });
}

const char* skip_target(const char* at, const char* end) {
    return skip<is_target>(at, end, [](Block block) { return (block <= ' ') | (block >= 0x7f) | (block == '#'); });
}

std::size_t find_head_end(std::string_view bytes, std::size_t from) {
    const auto ends_at = [&](std::size_t i) {
        return i > 0 && i + 3 <= bytes.size() && std::memcmp(bytes.data() + i - 1, "\r\n\r\n", 4) == 0;
    };
    // Only a block with two line feeds that are two bytes apart can hold the end.
    for (; from + block_size + 2 <= bytes.size(); from += block_size) {
        const char* const at = bytes.data() + from;
        const auto pairs = (load(at) == '\n') & (load(at + 2) == '\n');
        if (first_in(pairs) == block_size) continue;
        for (auto i = from; i < from + block_size; ++i)
            if (ends_at(i)) return i + 3;
    }
    for (; from < bytes.size(); ++from)
        if (ends_at(from)) return from + 3;
    return std::string_view::npos;
}

} // namespace weir::proxy::http
