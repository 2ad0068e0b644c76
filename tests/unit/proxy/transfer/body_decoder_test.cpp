#include "proxy/transfer/body_decoder.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::http;

namespace {

Decoded decode_text(BodyDecoder& decoder, std::string text) { return decoder.decode(text.data(), text.size()); }

BodyDecoder strict_decoder(const Framing& framing, std::uint64_t limit = BodyDecoder::unlimited) {
    return {framing, ChunkSyntax::strict, limit};
}

} // namespace

TEST_CASE("a body of known length ends behind its last byte") {
    auto decoder = strict_decoder({BodyKind::length, 8});
    CHECK(decoder.has_length());
    const auto first = decode_text(decoder, "01234");
    CHECK(first.status == DecodeStatus::more);
    CHECK(first.payload == 5);
    CHECK(decoder.bytes_left() == 3);
    const auto last = decode_text(decoder, "567GET /");
    CHECK(last.status == DecodeStatus::done);
    CHECK(last.payload == 3);
    CHECK(last.consumed == 3);
    CHECK(decoder.bytes_left() == 0);
    CHECK(decoder.consumed() == 8);
}

TEST_CASE("a body until the connection's end is all payload") {
    auto decoder = strict_decoder({BodyKind::until_close});
    CHECK(decoder.ends_with_connection());
    CHECK_FALSE(decoder.has_length());
    for (const char* text : {"0\r\n\r\n", "more"}) {
        const auto decoded = decode_text(decoder, text);
        CHECK(decoded.status == DecodeStatus::more);
        CHECK(decoded.payload == std::string(text).size());
    }
    CHECK(decoder.consumed() == 9);
}

TEST_CASE("payload of chunks moves to the front of the input") {
    auto decoder = strict_decoder({BodyKind::chunked});
    std::string text = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nGET /";
    const auto decoded = decoder.decode(text.data(), text.size());
    CHECK(decoded.status == DecodeStatus::done);
    CHECK(text.substr(0, decoded.payload) == "abcde");
    CHECK(text.substr(decoded.consumed) == "GET /");
    CHECK(decoder.consumed() == decoded.consumed);
}

TEST_CASE("an illegal chunk is found at its first illegal byte") {
    auto decoder = strict_decoder({BodyKind::chunked});
    const std::string text = "3\r\nabc\r\nzz\r\n";
    const auto decoded = decode_text(decoder, text);
    CHECK(decoded.status == DecodeStatus::malformed);
    CHECK(decoded.consumed == text.find('z'));
    CHECK(decoded.payload == 0);

    auto padded = strict_decoder({BodyKind::chunked});
    CHECK(decode_text(padded, "3 \r\nabc\r\n").status == DecodeStatus::malformed);
    BodyDecoder tolerant({BodyKind::chunked}, ChunkSyntax::tolerant, BodyDecoder::unlimited);
    CHECK(decode_text(tolerant, "3 \r\nabc\r\n").status == DecodeStatus::more);
}

TEST_CASE("a limit counts payload in all pieces, and no framing") {
    auto exact = strict_decoder({BodyKind::chunked}, 5);
    CHECK(decode_text(exact, "3\r\nabc\r\n").status == DecodeStatus::more);
    CHECK(decode_text(exact, "2\r\nde\r\n0\r\n\r\n").status == DecodeStatus::done);
    auto over = strict_decoder({BodyKind::chunked}, 4);
    CHECK(decode_text(over, "3\r\nabc\r\n").status == DecodeStatus::more);
    CHECK(decode_text(over, "2\r\nde\r\n").status == DecodeStatus::too_large);
    CHECK(over.consumed() == 8); // the refused piece does not count
    auto known = strict_decoder({BodyKind::length, 5}, 4);
    CHECK(decode_text(known, "01234").status == DecodeStatus::too_large);
    auto endless = strict_decoder({BodyKind::until_close}, 4);
    CHECK(decode_text(endless, "0123").status == DecodeStatus::more);
    CHECK(decode_text(endless, "4").status == DecodeStatus::too_large);
}
