#include "proxy/io/buffer.h"
#include "proxy/io/frame_pool.h"
#include "tests/catch.h"

#include <cstring>
#include <string>

using namespace weir::proxy;

TEST_CASE("what is held stays readable while what follows comes and goes") {
    BufferPool pool(32, 4);
    Buffer buffer(pool);
    buffer.append("HEADbody1");
    const auto head = buffer.view().substr(0, 4);
    buffer.hold(4);
    CHECK(buffer.view() == "body1");
    buffer.consume(5);
    buffer.rewind();
    buffer.append("next");
    CHECK(head == "HEAD");
    CHECK(buffer.view() == "next");
    buffer.drop_held();
    buffer.compact();
    CHECK(buffer.view() == "next");
    CHECK(buffer.space().size() == 28);
}

TEST_CASE("a buffer that has grown keeps its bytes and does not join the pool") {
    BufferPool pool(8, 4);
    Buffer buffer(pool);
    CHECK(buffer.append("12345678"));
    CHECK_FALSE(buffer.append("9"));
    buffer.grow(64);
    CHECK(buffer.append("9"));
    CHECK(buffer.view() == "123456789");
    buffer.release();
    CHECK_FALSE(buffer.has_memory());
    Buffer again(pool);
    CHECK(again.space().size() == 8);
}

TEST_CASE("nothing appended is nothing done, even nothing at all") {
    BufferPool pool(8, 4);
    Buffer buffer(pool);
    CHECK(buffer.append({}));
    CHECK(buffer.empty());
}

TEST_CASE("moving a buffer leaves an empty one") {
    BufferPool pool(8, 4);
    Buffer one(pool);
    one.append("x");
    Buffer two(std::move(one));
    CHECK_FALSE(one.has_memory());
    CHECK(two.view() == "x");
    two = Buffer();
    CHECK_FALSE(two.has_memory());
}

TEST_CASE("frames are used again, whatever their size") {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{128}, std::size_t{129}, std::size_t{4096}, std::size_t{9000}}) {
        void* block = take_frame(size);
        std::memset(block, 7, size);
        give_frame(block, size);
        void* again = take_frame(size);
        if (size <= 4096) CHECK(again == block);
        give_frame(again, size);
    }
}
