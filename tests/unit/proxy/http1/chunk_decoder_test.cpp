#include "proxy/http1/chunk_decoder.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::http;

namespace {

struct Decoded {
    std::string payload;
    ChunkStatus status;
    std::size_t consumed;
    std::string trailers;
};

// Feeds the decoder `step` bytes at a time.
Decoded decode(const std::string& text, std::size_t step, ChunkSyntax syntax = ChunkSyntax::strict) {
    ChunkDecoder decoder(syntax);
    Decoded out{"", ChunkStatus::more, 0, ""};
    for (std::size_t at = 0; at < text.size() && out.status == ChunkStatus::more; at += step) {
        auto part = text.substr(at, step);
        const auto result = decoder.decode(part.data(), part.size());
        out.payload += part.substr(0, result.payload);
        out.status = result.status;
        out.consumed += result.consumed;
    }
    out.trailers = decoder.trailers();
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

TEST_CASE("the trailer section is collected, however it is cut") {
    const std::string many = [] {
        std::string lines;
        for (int i = 0; i < 100; ++i) lines += "A:\r\n";
        return lines;
    }();
    const std::string long_line = "A:" + std::string(8000, 'x') + "\r\n";
    for (const auto& lines : {std::string(), std::string("A: b\r\n"), std::string("A: b\r\nC:d\r\nE:\r\n"),
                              std::string("x!#$%&'*+-.^_`|~9: \t\x80 \r\n"), many, long_line})
        for (const std::size_t step : {1u, 2u, 3u, 20'000u}) {
            INFO(lines.substr(0, 30) << " by " << step);
            const auto decoded = decode("1\r\nx\r\n0;a=b\r\n" + lines + "\r\nGET", step);
            CHECK(decoded.status == ChunkStatus::done);
            CHECK(decoded.payload == "x");
            CHECK(decoded.trailers == lines);
        }
    CHECK(decode("0\r\n" + many + "A:\r\n\r\n", 7).status == ChunkStatus::bad);
    CHECK(decode("0\r\n" + long_line + long_line + "\r\n", 7).status == ChunkStatus::bad);
    CHECK(decode("0\r\nA: b\r\n C: d\r\n\r\n", 7).status == ChunkStatus::bad);
    CHECK(decode("0\r\nA: \x01\r\n\r\n", 7).status == ChunkStatus::bad);
    CHECK(decode("0\r\nA: \x01\r\n\r\n", 7, ChunkSyntax::tolerant).trailers == "A: \x01\r\n");
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

TEST_CASE("a client's chunk extensions follow the grammar") {
    for (const std::string legal : {";a", ";a=b", ";a;b", ";a =b", ";a=b ;c", ";a=b;c=\"d\"", " ;a", "\t; a = b ; c",
                                    ";a=\"x; y\\\"z\\\\\"", ";a=\"\"", ";a=\"\xc3\xa9\t\" ;b"}) {
        INFO(legal);
        for (const std::size_t step : {1u, 3u, 100u})
            CHECK(decode("5" + legal + "\r\nhello\r\n0" + legal + "\r\n\r\n", step).payload == "hello");
    }
    for (const std::string illegal :
         {";",         ";;a",   ";a;",      "; ",          ";a=", ";a= ", ";bad[=x", ";a=b[",    ";a=\"b",
          ";a=\"b\"c", ";a ",   ";a=b ",    ";a=\"b\" ",   ";=b", ";a b", ";a=b c",  ";a=\"b\\", ";a==b",
          ",a",        "a;b c", ";a='b c'", ";a=\"\x01\"", " ",   "\t",   "  a",     ";a\xc3"}) {
        INFO(illegal);
        CHECK(decode("5" + illegal + "\r\nhello\r\n0\r\n\r\n", 1).status == ChunkStatus::bad);
        CHECK(decode("5\r\nhello\r\n0" + illegal + "\r\n\r\n", 100).status == ChunkStatus::bad);
    }
}

TEST_CASE("a backend may pad its chunk sizes and extend them with any text") {
    for (const std::string extra : {" ", "   \t", ";", ";bad[=x", " ; a b", ";a=\x01"})
        for (const std::size_t step : {1u, 3u, 100u}) {
            INFO(extra);
            const auto text = "5" + extra + "\r\nhello\r\n0" + extra + "\r\nT: \x02\r\n\r\n";
            const auto decoded = decode(text, step, ChunkSyntax::tolerant);
            CHECK(decoded.status == ChunkStatus::done);
            CHECK(decoded.payload == "hello");
            CHECK(decoded.consumed == text.size());
        }
    const std::string nul("5;\0\r\nhello\r\n0\r\n\r\n", 17);
    for (const std::string& text :
         {std::string(" 5\r\nhello\r\n"), std::string("5 5\r\nhello\r\n"), std::string("5 \nhello\r\n"),
          std::string("5\nhello\n"), std::string("5;a\nhello"), std::string("5;a\rb\r\n"), std::string("0x5\r\n"),
          std::string("5 g\r\n"), nul, std::string("5") + std::string(20000, ' ') + "\r\n"}) {
        INFO(text.substr(0, 30));
        CHECK(decode(text, 1, ChunkSyntax::tolerant).status == ChunkStatus::bad);
        CHECK(decode(text, text.size(), ChunkSyntax::tolerant).status == ChunkStatus::bad);
    }
}
