#include "proxy/transfer/body_compressor.h"
#include "proxy/transfer/body_forwarder.h"
#include "tests/catch.h"
#include "tests/unit/proxy/transfer/support.h"
#include "tests/unit/support/content_decoder.h"

#include <random>
#include <string>

using namespace weir;
using namespace weir::proxy;
using namespace weir::proxy::http;
using conf::ContentCoding;
using tests::decode_content;

namespace {

constexpr ContentCoding codings[] = {ContentCoding::gzip, ContentCoding::br, ContentCoding::zstd};
constexpr Framing until_closed{BodyKind::until_close}, in_chunks{BodyKind::chunked};

std::string noise_of(std::size_t size) {
    std::mt19937 random(3);
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(random());
    return out;
}

// A body that is compressed on its way from one socket to another.
class CompressedWay {
public:
    CompressedWay(const Framing& framing, ContentCoding coding) : CompressedWay(framing, coding, own_turns_) {}
    CompressedWay(const Framing& framing, ContentCoding coding, CompressionTurns& shared)
        : coding_(coding), compressor(encoders.lend(coding, {}), heads_, {shared, fiber, loop}),
          forwarder({from_.stream, to_.stream, input, bodies_}, framing, Encoding::chunked, Following::nothing) {
        head_.append("HEAD\r\n\r\n");
        forwarder.send_first(head_);
    }

    // Runs until nothing can be done without an event, as after a yield.
    ForwardStatus run() {
        auto status = ForwardStatus::yielded;
        for (turns = 0; status == ForwardStatus::yielded; ++turns) status = forwarder.run(compressor);
        return status;
    }
    ForwardStatus arrive(std::string_view bytes) {
        from_.arrive(bytes);
        return run();
    }
    // Runs one turn.
    ForwardStatus turn(std::string_view bytes) {
        from_.arrive(bytes);
        return forwarder.run(compressor);
    }
    ForwardStatus end() {
        memory_io::end(from_.wire());
        return run();
    }
    memory_io::Wire& receiver() { return to_.wire(); }
    // Returns the payload of the chunks that were sent so far, behind the head.
    std::string payload() {
        std::string_view rest = to_.sent();
        REQUIRE(rest.starts_with("HEAD\r\n\r\n"));
        rest.remove_prefix(8);
        std::string out;
        for (ends_whole = false; !rest.empty() && !ends_whole;) {
            const auto size = std::stoul(std::string(rest.substr(0, rest.find('\r'))), nullptr, 16);
            rest.remove_prefix(rest.find('\n') + 1);
            out += rest.substr(0, size);
            rest.remove_prefix(std::min(size + 2, rest.size()));
            ends_whole = size == 0;
        }
        return out;
    }
    tests::DecodedContent decoded() { return decode_content(coding_, payload()); }

    bool ends_whole = false; // the last chunk was sent
    int turns = 0;

private:
    const ContentCoding coding_;
    BufferPool heads_{20 * 1024, 4}, bodies_{64 * 1024, 4};
    tests::MemoryConnection from_, to_;
    Buffer head_{heads_};
    CompressionTurns own_turns_;

public:
    Buffer input{heads_};
    compress::EncoderPool encoders;
    EventLoop loop;
    Waiter fiber;
    BodyCompressor compressor;
    BodyForwarder forwarder;
};

} // namespace

TEST_CASE("a small body is sent with its head, in one piece") {
    for (const auto coding : codings) {
        CompressedWay way({BodyKind::length, 11}, coding);
        CHECK(way.arrive("hello hello") == ForwardStatus::done);
        CHECK(way.receiver().when.size() == 1);
        CHECK(way.decoded().text == "hello hello");
        CHECK(way.decoded().is_whole);
        CHECK(way.ends_whole);
        CHECK(way.forwarder.payload_sent() == way.payload().size());
    }
}

TEST_CASE("the head is sent at once, and so is each piece of a slow body") {
    for (const auto coding : codings) {
        CompressedWay way(in_chunks, coding);
        CHECK(way.run() == ForwardStatus::blocked);
        CHECK(way.receiver().sent == "HEAD\r\n\r\n");
        CHECK(way.arrive("3\r\nab") == ForwardStatus::blocked);
        CHECK(way.decoded().text == "ab");
        CHECK(way.forwarder.waiting() == Waiting::for_source);
        const auto before = way.receiver().sent.size();
        CHECK(way.arrive("c\r") == ForwardStatus::blocked);
        CHECK(way.decoded().text == "abc");
        CHECK(way.receiver().sent.size() > before);
        const auto flushed = way.receiver().sent.size();
        CHECK(way.arrive("\n") == ForwardStatus::blocked); // nothing to flush
        CHECK(way.receiver().sent.size() == flushed);
        CHECK(way.arrive("0\r\n\r\n") == ForwardStatus::done);
        CHECK(way.decoded().text == "abc");
        CHECK(way.decoded().is_whole);
        CHECK(way.ends_whole);
    }
}

TEST_CASE("a sender that goes on while others have their turn saves the flush") {
    for (const auto coding : codings) {
        CompressedWay way(in_chunks, coding);
        for (const char* piece : {"3\r\nabc\r\n", "3\r\ndef\r\n", ""}) CHECK(way.turn(piece) == ForwardStatus::yielded);
        CHECK(way.receiver().sent.empty());
        CHECK(way.turn("3\r\nghi\r\n") == ForwardStatus::yielded);
        CHECK(way.turn("") == ForwardStatus::yielded);
        CHECK(way.turn("") == ForwardStatus::blocked);
        CHECK(way.receiver().when.size() == 1);
        CHECK(way.decoded().text == "abcdefghi");
    }
}

TEST_CASE("a large body takes many turns and arrives whole") {
    const auto body = noise_of(1 << 20) + std::string(1 << 20, 'x');
    for (const auto coding : codings) {
        CompressedWay way({BodyKind::length, body.size()}, coding);
        CHECK(way.arrive(body) == ForwardStatus::done);
        CHECK(way.turns > 20);
        CHECK((way.decoded().text == body));
        CHECK(way.decoded().is_whole);
        CHECK(way.forwarder.payload_sent() == way.payload().size());
    }
}

TEST_CASE("a long body waits while another one has its turns") {
    const auto body = noise_of(200'000);
    const Framing framing{BodyKind::length, body.size()};
    for (const auto coding : codings) {
        CompressionTurns turns;
        CompressedWay one(framing, coding, turns), other(framing, coding, turns);
        CHECK(one.turn(body) == ForwardStatus::yielded);
        CHECK(other.turn(body) == ForwardStatus::blocked);
        CHECK(other.compressor.awaits_turn());
        CHECK(other.compressor.consumed() == 0);
        CHECK_FALSE(other.fiber.is_yielding());
        CHECK(one.run() == ForwardStatus::done);
        CHECK(other.fiber.is_yielding());
        CHECK((one.decoded().text == body));
    }
}

TEST_CASE("a slow receiver holds back the sender of a compressed body") {
    const auto body = noise_of(300'000);
    for (const auto coding : codings) {
        CompressedWay way(until_closed, coding);
        way.receiver().window = 0;
        CHECK(way.arrive(body) == ForwardStatus::blocked);
        CHECK(way.forwarder.waiting() == Waiting::for_sink);
        CHECK(way.forwarder.received() < body.size());
        auto status = way.end();
        for (int i = 0; i < 1000 && status == ForwardStatus::blocked; ++i) {
            memory_io::widen(way.receiver(), 777);
            status = way.run();
        }
        CHECK(status == ForwardStatus::done);
        CHECK((way.decoded().text == body));
        CHECK(way.ends_whole);
    }
}

TEST_CASE("a flush that a slow receiver interrupts is completed first") {
    for (const auto coding : codings) {
        CompressedWay way(in_chunks, coding);
        std::string body;
        way.receiver().window = 0;
        for (int i = 0; i < 40; ++i) {
            const auto piece = noise_of(static_cast<std::size_t>(1000 * i + 1));
            char size[20];
            std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
            body += piece;
            way.arrive(size + piece + "\r\n");
            memory_io::widen(way.receiver(), 5000);
            way.run();
        }
        memory_io::widen(way.receiver(), 10'000'000);
        CHECK(way.run() == ForwardStatus::blocked);
        CHECK((way.decoded().text == body));
        CHECK(way.arrive("0\r\n\r\n") == ForwardStatus::done);
        CHECK(way.decoded().is_whole);
    }
}

TEST_CASE("a body that breaks off is not ended") {
    for (const auto coding : codings) {
        CompressedWay way({BodyKind::length, 100}, coding), malformed(in_chunks, coding), at_once(in_chunks, coding);
        CHECK(way.arrive("hello") == ForwardStatus::blocked);
        CHECK(way.end() == ForwardStatus::source_ended);
        CHECK(way.decoded().text == "hello");
        CHECK_FALSE(way.ends_whole);
        CHECK_FALSE(way.decoded().is_whole);
        CHECK(malformed.arrive("5\r\nhello\r\nzz\r\n") == ForwardStatus::malformed);
        CHECK(at_once.arrive("5\r\nhel") == ForwardStatus::blocked);
        CHECK(at_once.end() == ForwardStatus::source_ended);
        CHECK_FALSE(at_once.decoded().is_whole);
    }
}

TEST_CASE("a receiver that fails ends the compressed body") {
    CompressedWay way(in_chunks, ContentCoding::gzip);
    memory_io::reset(way.receiver());
    CHECK(way.arrive("3\r\nabc\r\n") == ForwardStatus::sink_failed);
}
