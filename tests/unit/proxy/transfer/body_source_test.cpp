#include "proxy/transfer/body_source.h"
#include "tests/catch.h"
#include "tests/unit/proxy/transfer/support.h"

using namespace weir;
using namespace weir::proxy;
using namespace weir::proxy::http;

namespace {

constexpr std::size_t large_block = 64 * 1024;

class SourceBench {
public:
    explicit SourceBench(const Framing& framing, Following following = Following::messages,
                         std::uint64_t limit = BodyDecoder::unlimited)
        : source(from.stream, input, bodies_, framing, following, limit) {}

    // Returns the next piece as text; empty if there is none.
    std::string_view next() {
        const auto piece = source.next();
        return {piece.data(), piece.size()};
    }

private:
    BufferPool heads_{1024, 4}, bodies_{large_block, 4};

public:
    tests::MemoryConnection from;
    Buffer input{heads_};
    BodySource source;
};

} // namespace

TEST_CASE("a piece stays in place until it is consumed") {
    SourceBench bench({BodyKind::length, 8});
    bench.input.append("0123");
    const auto piece = bench.next();
    CHECK(piece == "0123");
    CHECK(bench.next().empty());
    CHECK(piece == "0123");
    bench.source.consume();
    CHECK(bench.next().empty());
    CHECK(bench.source.status() == SourceStatus::open);
    bench.from.arrive("4567GET /");
    CHECK(bench.source.receive());
    CHECK(bench.next() == "4567");
    CHECK(bench.source.status() == SourceStatus::ended);
    bench.source.consume();
    CHECK(bench.from.wire().read == 4); // the next message is still in the socket
    CHECK_FALSE(bench.source.has_surplus());
    CHECK(bench.source.received() == 4);
    CHECK(bench.source.consumed() == 8);
}

TEST_CASE("a source without a body has ended and leaves the next message") {
    for (const Framing framing : {Framing{}, Framing{BodyKind::length, 0}}) {
        SourceBench bench(framing);
        bench.input.append("GET /");
        CHECK(bench.source.status() == SourceStatus::ended);
        CHECK(bench.next().empty());
        CHECK(bench.source.has_surplus());
        CHECK(bench.input.view() == "GET /");
    }
}

TEST_CASE("framing without payload is consumed at once") {
    SourceBench bench({BodyKind::chunked});
    bench.from.arrive("3\r");
    CHECK(bench.source.receive());
    CHECK(bench.next().empty());
    CHECK(bench.input.empty());
    CHECK_FALSE(bench.source.receive()); // nothing is left until more arrives
    bench.from.arrive("\nabc\r\n0\r\n\r\nGET /");
    CHECK(bench.source.receive());
    CHECK(bench.next() == "abc");
    CHECK(bench.source.status() == SourceStatus::ended);
    bench.source.consume();
    CHECK(bench.input.view() == "GET /");
}

TEST_CASE("a source has the trailer section of a body in chunks") {
    SourceBench bench({BodyKind::chunked}), none({BodyKind::chunked});
    bench.from.arrive("3\r\nabc\r\n0\r\nA: b\r");
    CHECK(bench.source.receive());
    CHECK(bench.next() == "abc");
    bench.source.consume();
    CHECK(bench.source.status() == SourceStatus::open);
    bench.from.arrive("\nC: d\r\n\r\nGET /");
    CHECK(bench.source.receive());
    CHECK(bench.next().empty());
    CHECK(bench.source.status() == SourceStatus::ended);
    CHECK(bench.source.trailers() == "A: b\r\nC: d\r\n");
    CHECK(bench.input.view() == "GET /");
    none.input.append("0\r\n\r\n");
    CHECK(none.next().empty());
    CHECK(none.source.trailers().empty());
}

TEST_CASE("a source whose connection closes has ended, or is truncated") {
    SourceBench endless({BodyKind::until_close}, Following::nothing), known({BodyKind::length, 5}),
        in_chunks({BodyKind::chunked}), failed({BodyKind::until_close}, Following::nothing);
    for (auto* bench : {&endless, &known, &in_chunks}) {
        memory_io::end(bench->from.wire());
        CHECK(bench->source.receive());
    }
    CHECK(endless.source.status() == SourceStatus::ended);
    CHECK(known.source.status() == SourceStatus::truncated);
    CHECK(in_chunks.source.status() == SourceStatus::truncated);
    memory_io::reset(failed.from.wire());
    CHECK(failed.source.receive());
    CHECK(failed.source.status() == SourceStatus::failed);
}

TEST_CASE("a source that is illegal or over its limit yields no more") {
    SourceBench illegal({BodyKind::chunked});
    illegal.input.append("3\r\nabc\r\nzz\r\n");
    CHECK(illegal.next().empty());
    CHECK(illegal.source.status() == SourceStatus::malformed);
    CHECK(illegal.source.malformed() == "zz\r\n");
    CHECK(illegal.next().empty());

    SourceBench large({BodyKind::length, 5}, Following::messages, 4);
    large.input.append("01234");
    CHECK(large.next().empty());
    CHECK(large.source.status() == SourceStatus::too_large);
    CHECK(large.next().empty());
}

TEST_CASE("a long body is read in large pieces, but never past its end") {
    const std::string body(large_block + 10, 'x');
    SourceBench bench({BodyKind::length, body.size()});
    bench.from.arrive(body + "GET /");
    for (const std::size_t size : {large_block, std::size_t{10}}) {
        CHECK(bench.source.receive());
        CHECK(bench.next().size() == size);
        bench.source.consume();
    }
    CHECK(bench.source.status() == SourceStatus::ended);
    CHECK(bench.from.wire().read == body.size());

    // A client may send another message after its chunks. It must end up in the connection's buffer.
    SourceBench request({BodyKind::chunked}), response({BodyKind::chunked}, Following::nothing);
    for (auto* chunks : {&request, &response}) {
        chunks->from.arrive("10000\r\n" + body);
        CHECK(chunks->source.receive());
    }
    CHECK_FALSE(request.input.empty());
    CHECK(response.input.empty());
}
