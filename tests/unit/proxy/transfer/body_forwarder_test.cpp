#include "proxy/transfer/body_forwarder.h"
#include "tests/catch.h"
#include "tests/unit/proxy/transfer/support.h"

#include <string>

using namespace weir;
using namespace weir::proxy;
using namespace weir::proxy::http;

namespace {

constexpr auto no_limit = BodyDecoder::unlimited;
constexpr Framing chunked{BodyKind::chunked}, until_close{BodyKind::until_close};

Framing of_length(std::uint64_t length) { return {BodyKind::length, length}; }

// The head of a message, to be sent before its body.
class Head {
public:
    Head() { buffer.append("HEAD\r\n\r\n"); }

private:
    BufferPool blocks_{1024, 1};

public:
    Buffer buffer{blocks_};
};

// A body on its way from one socket to another.
class Way {
public:
    explicit Way(const Framing& framing, Encoding encoding = Encoding::identity,
                 Following following = Following::messages, std::uint64_t limit = no_limit)
        : forwarder({from_.stream, to_.stream, input, bodies_}, framing, encoding, following, limit) {}

    ForwardStatus arrive(std::string_view bytes) {
        from_.arrive(bytes);
        return forwarder.run();
    }
    ForwardStatus end() {
        memory_io::end(sender());
        return forwarder.run();
    }
    memory_io::Wire& sender() { return from_.wire(); }
    memory_io::Wire& receiver() { return to_.wire(); }
    const std::string& sent() { return to_.sent(); }

private:
    BufferPool heads_{20 * 1024, 4}, bodies_{64 * 1024, 4};
    tests::MemoryConnection from_, to_;

public:
    Buffer input{heads_};
    BodyForwarder forwarder;
};

} // namespace

TEST_CASE("a body of known length is forwarded and the next message stays") {
    Way way(of_length(10));
    way.input.append("01234");
    CHECK(way.forwarder.run() == ForwardStatus::blocked);
    CHECK(way.sent() == "01234");
    CHECK(way.forwarder.waiting() == Waiting::for_source);
    CHECK(way.arrive("56789GET / HTTP/1.1") == ForwardStatus::done);
    CHECK(way.sent() == "0123456789");
    CHECK(way.sender().read == 5); // the rest is still in the socket
    CHECK_FALSE(way.forwarder.has_surplus());
    CHECK(way.forwarder.consumed() == 10);
    CHECK(way.forwarder.received() == 5);

    Way whole(of_length(5));
    whole.input.append("01234GET");
    CHECK(whole.forwarder.run() == ForwardStatus::done);
    CHECK(whole.sent() == "01234");
    CHECK(whole.input.view() == "GET");
}

TEST_CASE("chunks are forwarded in canonical form, or as their payload") {
    const std::string body = "003;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n";
    Way canonical(chunked, Encoding::chunked);
    CHECK(canonical.arrive(body + "GET") == ForwardStatus::done);
    CHECK(canonical.sent().ends_with("\r\n0\r\n\r\n"));
    for (const char* left_out : {"a=b", "T: u", "GET"}) CHECK(canonical.sent().find(left_out) == std::string::npos);
    CHECK(canonical.forwarder.payload_sent() == 13);
    CHECK(canonical.forwarder.consumed() == body.size());
    CHECK(canonical.input.view() == "GET");

    Way plain(chunked);
    for (const char& byte : body) {
        const bool last = &byte == &body.back();
        CHECK(plain.arrive({&byte, 1}) == (last ? ForwardStatus::done : ForwardStatus::blocked));
    }
    CHECK(plain.sent() == "abc0123456789");
}

TEST_CASE("a body that ends with its connection is sent in chunks") {
    Way way(until_close, Encoding::chunked, Following::nothing);
    CHECK(way.arrive("hello") == ForwardStatus::blocked);
    CHECK(way.sent() == "5\r\nhello\r\n");
    CHECK(way.end() == ForwardStatus::done);
    CHECK(way.sent() == "5\r\nhello\r\n0\r\n\r\n");
    CHECK(way.forwarder.payload_sent() == 5);
}

TEST_CASE("a sender that ends or fails within a body is not taken as done") {
    Way ended(of_length(5)), within_chunks(chunked), failed(of_length(5));
    CHECK(ended.arrive("012") == ForwardStatus::blocked);
    CHECK(ended.end() == ForwardStatus::source_ended);
    CHECK(ended.sent() == "012");
    CHECK(within_chunks.arrive("3\r\nabc\r\n") == ForwardStatus::blocked);
    CHECK(within_chunks.end() == ForwardStatus::source_ended);
    memory_io::reset(failed.sender());
    CHECK(failed.forwarder.run() == ForwardStatus::source_failed);
}

TEST_CASE("a slow receiver gets every byte, and a failed one ends the body") {
    Way slow(chunked, Encoding::chunked);
    slow.receiver().window = 0;
    CHECK(slow.arrive("3\r\nabc\r\n0\r\n\r\n") == ForwardStatus::blocked);
    CHECK(slow.forwarder.waiting() == Waiting::for_sink);
    auto status = ForwardStatus::blocked;
    for (int i = 0; i < 100 && status == ForwardStatus::blocked; ++i) {
        memory_io::widen(slow.receiver(), 1);
        status = slow.forwarder.run();
    }
    CHECK(status == ForwardStatus::done);
    CHECK(slow.sent() == "3\r\nabc\r\n0\r\n\r\n");

    Way broken(of_length(5));
    memory_io::reset(broken.receiver());
    CHECK(broken.arrive("01234") == ForwardStatus::sink_failed);
}

TEST_CASE("what is no chunk is refused, and the illegal bytes are known") {
    Way way(chunked);
    CHECK(way.arrive("3\r\nabc\r\n") == ForwardStatus::blocked);
    CHECK(way.arrive("zz\r\n") == ForwardStatus::malformed);
    CHECK(way.forwarder.malformed().starts_with("zz"));
    CHECK(way.sent() == "abc");
}

TEST_CASE("a body over the limit is stopped, even if its length is unknown") {
    Way known(of_length(5), Encoding::identity, Following::messages, 4);
    CHECK(known.arrive("01234") == ForwardStatus::too_large);
    CHECK(known.sent().empty());
    Way in_chunks(chunked, Encoding::chunked, Following::messages, 4);
    CHECK(in_chunks.arrive("3\r\nabc\r\n") == ForwardStatus::blocked);
    CHECK(in_chunks.arrive("2\r\nde\r\n") == ForwardStatus::too_large);
    CHECK(in_chunks.sent() == "3\r\nabc\r\n");
    Way exact(of_length(4), Encoding::identity, Following::messages, 4);
    CHECK(exact.arrive("0123") == ForwardStatus::done);
}

TEST_CASE("a head goes first, with a small body in one piece") {
    Head head;
    Way way(of_length(5));
    way.forwarder.send_first(head.buffer);
    way.input.append("01234");
    CHECK(way.forwarder.run() == ForwardStatus::done);
    CHECK(way.sent() == "HEAD\r\n\r\n01234");
    CHECK(way.receiver().when.size() == 1);
    CHECK(way.forwarder.sent() == 13);
    CHECK(way.forwarder.payload_sent() == 5);
}

TEST_CASE("a small chunk becomes part of the head, and the next message stays") {
    Head head;
    Way way(chunked);
    way.forwarder.send_first(head.buffer);
    way.input.append("3\r\nabc\r\n0\r\n\r\nGET");
    CHECK(way.forwarder.run() == ForwardStatus::done);
    CHECK(way.sent() == "HEAD\r\n\r\nabc");
    CHECK(way.receiver().when.size() == 1);
    CHECK(way.forwarder.payload_sent() == 3);
    CHECK(way.input.view() == "GET");
}

TEST_CASE("a message without a body has no last chunk") {
    Head head;
    Way way(Framing{}, Encoding::chunked);
    way.forwarder.send_first(head.buffer);
    CHECK(way.forwarder.run() == ForwardStatus::done);
    CHECK(way.sent() == "HEAD\r\n\r\n");
}

TEST_CASE("a head, a chunk and the last chunk are sent at once") {
    Head head;
    Way way(chunked, Encoding::chunked);
    way.forwarder.send_first(head.buffer);
    way.input.append("3\r\nabc\r\n0\r\n\r\n");
    CHECK(way.forwarder.run() == ForwardStatus::done);
    CHECK(way.sent() == "HEAD\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    CHECK(way.receiver().when.size() == 1);
}

TEST_CASE("a trailer section is forwarded as its filter says") {
    struct Shouting final : TrailerFilter {
        std::string filter(std::string_view received, ContentCoded coded) const override {
            CHECK(received == "a: b\r\n");
            CHECK(coded == ContentCoded::no);
            ++calls;
            return "A: B\r\n";
        }
        mutable int calls = 0;
    };
    const std::string message = "3\r\nabc\r\n0\r\na: b\r\n\r\n";
    Shouting filter;
    Way way(chunked, Encoding::chunked), unfiltered(chunked, Encoding::chunked), whole(chunked);
    way.forwarder.set_trailer_filter(&filter);
    way.receiver().window = 10; // the end waits
    CHECK(way.arrive(message) == ForwardStatus::blocked);
    memory_io::widen(way.receiver(), 100);
    CHECK(way.forwarder.run() == ForwardStatus::done);
    CHECK(way.sent() == "3\r\nabc\r\n0\r\nA: B\r\n\r\n");
    CHECK(way.forwarder.trailers() == "a: b\r\n");
    CHECK(way.forwarder.payload_sent() == 3);
    CHECK(filter.calls == 1);
    CHECK(unfiltered.arrive(message) == ForwardStatus::done);
    CHECK(unfiltered.sent() == "3\r\nabc\r\n0\r\n\r\n");
    whole.forwarder.set_trailer_filter(&filter);
    CHECK(whole.arrive(message) == ForwardStatus::done); // no place for it
    CHECK(whole.sent() == "abc");
    CHECK(filter.calls == 1);
}

TEST_CASE("a body is forwarded behind a head that was sent in part") {
    Head head;
    Way way(of_length(5));
    way.receiver().window = 3;
    way.forwarder.send_first(head.buffer);
    CHECK(way.forwarder.run() == ForwardStatus::blocked);
    CHECK(way.arrive("01234") == ForwardStatus::blocked);
    CHECK(way.sender().read == 0); // nothing is read while the head waits
    memory_io::widen(way.receiver(), 100);
    CHECK(way.forwarder.run() == ForwardStatus::done);
    CHECK(way.sent() == "HEAD\r\n\r\n01234");
    CHECK(way.forwarder.payload_sent() == 5);
}

TEST_CASE("a long body lets other connections run in between") {
    const std::string body(5 << 20, 'x');
    Way way(of_length(body.size()));
    auto status = way.arrive(body);
    int turns = 1;
    for (; status == ForwardStatus::yielded && turns < 100; ++turns) status = way.forwarder.run();
    CHECK(status == ForwardStatus::done);
    CHECK(turns > 5);
    CHECK(way.sent() == body);
}
