#include "proxy/transfer/body_sink.h"
#include "tests/catch.h"
#include "tests/unit/proxy/transfer/support.h"

using namespace weir;
using namespace weir::proxy;
using namespace weir::proxy::http;

namespace {

class SinkBench {
public:
    explicit SinkBench(Encoding encoding) : sink(to.stream, encoding) { head.append("HEAD\r\n\r\n"); }

    std::size_t sends() { return to.wire().when.size(); }

private:
    BufferPool blocks_{16 * 1024, 1};

public:
    tests::MemoryConnection to;
    Buffer head{blocks_};
    BodySink sink;
};

} // namespace

TEST_CASE("a small piece is copied behind a head that is not sent yet") {
    SinkBench bench(Encoding::identity);
    bench.sink.begin(bench.head);
    std::string piece = "body";
    CHECK(bench.sink.write(piece));
    piece = "gone";
    bench.sink.end();
    CHECK(bench.sink.flush() == IoStatus::ok);
    CHECK(bench.to.sent() == "HEAD\r\n\r\nbody");
    CHECK(bench.sends() == 1);
    CHECK(bench.sink.sent() == 12);
    CHECK(bench.sink.payload_sent() == 4);

    CHECK_FALSE(bench.sink.write(std::string_view("more"))); // the head has been sent
    CHECK(bench.sink.flush() == IoStatus::ok);
    CHECK(bench.to.sent() == "HEAD\r\n\r\nbodymore");
}

TEST_CASE("a large piece is not copied, but sent with the head") {
    const std::string piece(8 * 1024, 'x');
    SinkBench bench(Encoding::identity);
    bench.sink.begin(bench.head);
    CHECK_FALSE(bench.sink.write(piece));
    CHECK(bench.sink.flush() == IoStatus::ok);
    CHECK(bench.to.sent() == "HEAD\r\n\r\n" + piece);
    CHECK(bench.sends() == 1);
}

TEST_CASE("a piece is not copied into a head without room for it") {
    SinkBench bench(Encoding::identity);
    bench.head.append(std::string(bench.head.space().size() - 3, 'h'));
    bench.sink.begin(bench.head);
    CHECK_FALSE(bench.sink.write(std::string_view("body")));
    CHECK(bench.sink.flush() == IoStatus::ok);
    CHECK(bench.to.sent().ends_with("hbody"));
    CHECK(bench.sink.payload_sent() == 4);
}

TEST_CASE("pieces are sent as chunks, with the last chunk once") {
    SinkBench bench(Encoding::chunked);
    bench.sink.begin(bench.head);
    CHECK_FALSE(bench.sink.write(std::string_view("0123456789")));
    CHECK(bench.sink.flush() == IoStatus::ok);
    CHECK(bench.to.sent() == "HEAD\r\n\r\na\r\n0123456789\r\n");
    CHECK_FALSE(bench.sink.write(std::string_view("x")));
    bench.sink.end();
    bench.sink.end();
    CHECK(bench.sink.flush() == IoStatus::ok);
    CHECK(bench.to.sent() == "HEAD\r\n\r\na\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n");
    CHECK(bench.sends() == 2);
    CHECK(bench.sink.payload_sent() == 11);
}

TEST_CASE("a trailer section follows the last chunk, if there are chunks") {
    SinkBench bench(Encoding::chunked), whole(Encoding::identity);
    CHECK(bench.sink.takes_trailers());
    CHECK_FALSE(whole.sink.takes_trailers());
    for (auto* one : {&bench, &whole}) {
        one->sink.begin(one->head);
        one->sink.write(std::string_view("abc"));
        std::string lines = "X: y\r\nZ: \r\n";
        one->sink.end(lines);
        lines = "gone";
        one->sink.end("A: late\r\n");
        CHECK(one->sink.has_ended());
        CHECK(one->sink.flush() == IoStatus::ok);
        CHECK(one->sends() == 1);
        CHECK(one->sink.payload_sent() == 3);
    }
    CHECK(bench.to.sent() == "HEAD\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\nZ: \r\n\r\n");
    CHECK(whole.to.sent() == "HEAD\r\n\r\nabc");
}

TEST_CASE("what a slow receiver does not take stays queued") {
    SinkBench bench(Encoding::chunked);
    bench.to.wire().window = 9;
    bench.sink.begin(bench.head);
    CHECK_FALSE(bench.sink.write(std::string_view("abc")));
    CHECK(bench.sink.flush() == IoStatus::would_block);
    CHECK_FALSE(bench.sink.is_flushed());
    CHECK(bench.sink.sent() == 9);
    memory_io::widen(bench.to.wire(), 100);
    CHECK(bench.sink.flush() == IoStatus::ok);
    CHECK(bench.sink.is_flushed());
    CHECK(bench.to.sent() == "HEAD\r\n\r\n3\r\nabc\r\n");

    memory_io::reset(bench.to.wire());
    bench.sink.end();
    CHECK(bench.sink.flush() == IoStatus::failed);
}
