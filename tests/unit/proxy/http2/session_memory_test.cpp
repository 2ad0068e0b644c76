#include "proxy/http2/session_memory.h"
#include "tests/catch.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy::http2 {
namespace {

constexpr std::size_t frame_buffer = 16394; // of the library

// A session's memory, used as the library uses it.
struct Session {
    SessionMemory memory;
    nghttp2_mem calls = memory.functions();

    char* take(std::size_t bytes) { return static_cast<char*>(calls.malloc(bytes, calls.mem_user_data)); }
    char* take_zeroed(std::size_t bytes) { return static_cast<char*>(calls.calloc(1, bytes, calls.mem_user_data)); }
    char* resize(char* block, std::size_t bytes) {
        return static_cast<char*>(calls.realloc(block, bytes, calls.mem_user_data));
    }
    void give(void* block) { calls.free(block, calls.mem_user_data); }
};

TEST_CASE("http2 memory: blocks are apart, aligned, and zeroed on demand") {
    for (int run = 0; run < 3; ++run) { // the memory of earlier sessions is used again
        Session session;
        std::vector<char*> blocks;
        for (const std::size_t bytes :
             {std::size_t{1}, std::size_t{100}, std::size_t{4096}, frame_buffer, frame_buffer}) {
            blocks.push_back(session.take(bytes));
            REQUIRE(reinterpret_cast<std::uintptr_t>(blocks.back()) % alignof(std::max_align_t) == 0);
            std::memset(blocks.back(), static_cast<int>(blocks.size()), bytes);
        }
        session.memory.seal();
        char* const zeroed = session.take_zeroed(300);
        CHECK(std::string_view(zeroed, 300) == std::string(300, '\0'));
        std::memset(zeroed, 0xff, 300);
        for (std::size_t i = 0; i < blocks.size(); ++i) CHECK(*blocks[i] == static_cast<char>(i + 1));
        for (char* block : blocks) session.give(block);
        session.give(zeroed);
        session.give(nullptr);
    }
}

TEST_CASE("http2 memory: a block keeps its bytes when its size changes") {
    for (const bool is_sealed : {false, true}) {
        Session session;
        if (is_sealed) session.memory.seal();
        char* block = session.resize(nullptr, 10);
        std::memcpy(block, "0123456789", 10);
        block = session.resize(block, 5000);
        CHECK(std::string_view(block, 10) == "0123456789");
        block = session.resize(block, 4);
        CHECK(std::string_view(block, 4) == "0123");
        session.give(block);
    }
}

TEST_CASE("http2 memory: there is no block of an impossible size") {
    Session session;
    CHECK(session.take(SIZE_MAX) == nullptr);
    CHECK(session.calls.calloc(SIZE_MAX / 2, 4, session.calls.mem_user_data) == nullptr);
}

} // namespace
} // namespace weir::proxy::http2
