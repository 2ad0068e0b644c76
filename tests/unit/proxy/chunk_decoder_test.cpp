#include "proxy/http/chunk_decoder.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::http;

namespace {

struct Decoded {
    std::string payload;
    ChunkStatus status;
    std::size_t consumed;
};

// Feeds `step` bytes at a time.
Decoded decode(const std::string& text, std::size_t step) {
    ChunkDecoder decoder;
    Decoded out{"", ChunkStatus::more, 0};
    for (std::size_t at = 0; at < text.size() && out.status == ChunkStatus::more; at += step) {
        auto part = text.substr(at, step);
        const auto result = decoder.decode(part.data(), part.size());
        out.payload += part.substr(0, result.payload);
        out.status = result.status;
        out.consumed += result.consumed;
    }
    return out;
}

} // namespace

TEST_CASE("legal chunked bodies come out whole, however they are cut") {
    struct Row {
        const char *text, *payload;
    };
    const Row rows[] = {
        {"0\r\n\r\n", ""},
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"5\r\nhello\r\n006\r\n world\r\n0\r\n\r\n", "hello world"},
        {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
        {"a;name=value\r\n0123456789\r\n0;x\r\n\r\n", "0123456789"},
        {"1\r\nx\r\n0\r\nTrailer: y\r\nOther: z\r\n\r\n", "x"},
        {"5\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n"},
    };
    for (const auto& row : rows)
        for (std::size_t step = 1; step < 40; ++step) {
            INFO(row.text << " by " << step);
            const auto decoded = decode(row.text, step);
            CHECK(decoded.status == ChunkStatus::done);
            CHECK(decoded.payload == row.payload);
            CHECK(decoded.consumed == std::string(row.text).size());
        }
}

TEST_CASE("what follows the body is left alone") {
    const auto decoded = decode("1\r\nx\r\n0\r\n\r\nGET /", 100);
    CHECK(decoded.status == ChunkStatus::done);
    CHECK(decoded.consumed == 11);
}

TEST_CASE("illegal chunked bodies are refused") {
    const std::string nul("5;\0\r\nhello\r\n0\r\n\r\n", 17);
    for (const auto& text : {std::string("0x5\r\nhello\r\n"),
                             std::string("5_0\r\n"),
                             std::string(" 5\r\nhello\r\n"),
                             std::string("-1\r\n"),
                             std::string("+5\r\n"),
                             std::string("\r\n"),
                             std::string("g\r\n"),
                             std::string("5 \r\nhello\r\n"),
                             std::string("12345678901234567\r\n"),
                             std::string("5;\nhello\r\n"),
                             std::string("5;a\rb\r\n"),
                             std::string("5\nhello\n"),
                             std::string("5\rhello"),
                             nul,
                             "5;" + std::string(65536, 'x') + "\r\n",
                             std::string("5\r\nhelloXX0\r\n\r\n"),
                             std::string("5\r\nhello\n0\r\n\r\n"),
                             std::string("0\r\nXX\r\n\r\n"),
                             std::string("0\r\n: y\r\n\r\n"),
                             std::string("0\r\nA : y\r\n\r\n"),
                             std::string("0\r\nA: y\nB: z\r\n\r\n"),
                             std::string("0\n\n"),
                             std::string("0\r\n\n"),
                             "0\r\nA: " + std::string(20000, 'y') + "\r\n\r\n"}) {
        INFO(text.substr(0, 30));
        CHECK(decode(text, 1).status == ChunkStatus::bad);
        CHECK(decode(text, text.size()).status == ChunkStatus::bad);
    }
}

TEST_CASE("a chunk of 4 GiB and 5 bytes is not one of 5 bytes") {
    const auto decoded = decode("100000005\r\nhello\r\n0\r\n\r\n", 100);
    CHECK(decoded.status == ChunkStatus::more);
    CHECK(decoded.payload == "hello\r\n0\r\n\r\n");
}
