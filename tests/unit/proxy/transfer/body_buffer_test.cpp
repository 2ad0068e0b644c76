#include "proxy/transfer/body_buffer.h"
#include "tests/catch.h"

using namespace weir::proxy;
using namespace weir::proxy::http;

namespace {

constexpr std::size_t own_size = 64, large_size = 256;

struct BufferBench {
    BufferPool heads{own_size, 4}, bodies{large_size, 4};
    Buffer own{heads};
    BodyBuffer buffer{own, bodies};
};

} // namespace

TEST_CASE("a body is read into its connection's buffer, behind what is held") {
    BufferBench bench;
    bench.own.append("HEADbody");
    bench.own.hold(4);
    CHECK(bench.buffer.current().view() == "body");
    bench.buffer.current().consume(4);
    CHECK(bench.buffer.room(BodyBuffer::Wanted::any).size() == own_size - 4);
    CHECK(&bench.buffer.current() == &bench.own);
}

TEST_CASE("a long body is read into a large buffer from then on") {
    BufferBench bench;
    CHECK(bench.buffer.room(BodyBuffer::Wanted::large).size() == large_size);
    CHECK(&bench.buffer.current() != &bench.own);
    CHECK(bench.own.has_memory());
    CHECK(bench.buffer.room(BodyBuffer::Wanted::any).size() == large_size);
}

TEST_CASE("a large buffer has no memory while its connection is silent") {
    BufferBench bench;
    bench.buffer.release_large();
    CHECK(bench.own.has_memory()); // the connection's own buffer stays
    bench.buffer.room(BodyBuffer::Wanted::large);
    bench.buffer.release_large();
    CHECK_FALSE(bench.buffer.current().has_memory());
    CHECK(bench.buffer.room(BodyBuffer::Wanted::any).size() == large_size);
}

TEST_CASE("a connection without a buffer gets one when its body is read") {
    BufferBench bench;
    bench.own.release();
    CHECK(bench.buffer.room(BodyBuffer::Wanted::any).size() == large_size);
    CHECK(&bench.buffer.current() == &bench.own);
    CHECK(bench.own.has_memory());
}
