#include "proxy/compress/encoder_pool.h"
#include "tests/catch.h"
#include "tests/unit/support/content_decoder.h"

#include <random>

using namespace weir;
using namespace weir::proxy::compress;
using conf::ContentCoding;
using tests::decode_content;

namespace {

constexpr ContentCoding codings[] = {ContentCoding::gzip, ContentCoding::br, ContentCoding::zstd};
const conf::CompressionLevels usual_levels;

// Runs one operation to its end through buffers of `room` bytes. Returns the output.
std::string run(Encoder& encoder, std::string_view input, Operation operation, std::size_t room = 4096) {
    std::string out, buffer(room, '\0');
    for (;;) {
        const auto done = encoder.encode(input, buffer, operation);
        out.append(buffer, 0, done.produced);
        input.remove_prefix(done.consumed);
        if (done.complete) return out;
        REQUIRE(done.consumed + done.produced > 0);
    }
}

std::string words(std::size_t count) {
    std::mt19937 random(1);
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += "word" + std::to_string(random() % 1000) + " ";
    return out;
}

std::string noise(std::size_t size) {
    std::mt19937 random(2);
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(random());
    return out;
}

} // namespace

TEST_CASE("encoders compress bodies of any kind so that they decode again") {
    EncoderPool pool;
    for (const auto coding : codings) {
        for (const auto& body :
             {std::string(), std::string("x"), words(100'000), noise(300'000), std::string(1 << 20, 'a')}) {
            for (const std::size_t room : {std::size_t{Encoder::min_output}, std::size_t{4096}}) {
                if (room == Encoder::min_output && body.size() > (1 << 19))
                    continue; // takes long, and shows nothing else
                INFO(name_of(coding) << ' ' << body.size() << ' ' << room);
                auto encoder = pool.lend(coding, usual_levels);
                auto encoded = run(*encoder, body, Operation::proceed, room);
                encoded += run(*encoder, {}, Operation::finish, room);
                const auto decoded = decode_content(coding, encoded);
                CHECK(decoded.is_whole);
                CHECK((decoded.text == body));
            }
        }
    }
}

TEST_CASE("a flush makes everything so far decodable, whatever room there is") {
    EncoderPool pool;
    for (const auto coding : codings) {
        for (const std::size_t room : {std::size_t{Encoder::min_output}, std::size_t{17}, std::size_t{4096}}) {
            INFO(name_of(coding) << ' ' << room);
            auto encoder = pool.lend(coding, usual_levels);
            std::string encoded, body;
            for (int i = 0; i < 20; ++i) {
                const auto piece = words(static_cast<std::size_t>(i) * 10 + 1);
                body += piece;
                encoded += run(*encoder, piece, Operation::proceed, room);
                encoded += run(*encoder, {}, Operation::flush, room);
                const auto decoded = decode_content(coding, encoded);
                CHECK((decoded.text == body));
                CHECK_FALSE(decoded.is_whole);
            }
            CHECK(decode_content(coding, encoded + run(*encoder, {}, Operation::finish, room)).is_whole);
        }
    }
}

TEST_CASE("an encoder that is used again starts afresh, at another level, too") {
    EncoderPool pool;
    const auto body = words(10'000);
    for (const auto coding : codings) {
        std::size_t sizes[2];
        for (int i = 0; i < 6; ++i) {
            INFO(name_of(coding) << ' ' << i);
            conf::CompressionLevels levels;
            if (i % 2) levels = {1, 1, 1};
            auto encoder = pool.lend(coding, levels);
            // Every other body is left unfinished.
            const auto begun = run(*encoder, body, Operation::proceed);
            if (i < 2) continue;
            const auto encoded = begun + run(*encoder, {}, Operation::finish);
            CHECK((decode_content(coding, encoded).text == body));
            sizes[i % 2] = encoded.size();
        }
        CHECK(sizes[0] < sizes[1]);
    }
}

TEST_CASE("the memory of the encoders in use is bounded") {
    EncoderPool pool(2 * max_memory_of(ContentCoding::br));
    auto first = pool.lend(ContentCoding::br, usual_levels);
    auto second = pool.lend(ContentCoding::br, usual_levels);
    CHECK(first);
    CHECK(second);
    CHECK_FALSE(pool.lend(ContentCoding::gzip, usual_levels));
    CHECK(pool.in_use() == 2 * max_memory_of(ContentCoding::br));
    second.reset();
    CHECK(pool.in_use() == max_memory_of(ContentCoding::br));
    CHECK(pool.lend(ContentCoding::zstd, usual_levels));
    second = std::move(first);
    CHECK(pool.in_use() == max_memory_of(ContentCoding::br));
}
