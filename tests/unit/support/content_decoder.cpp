#include "tests/unit/support/content_decoder.h"

#include <array>
#include <memory>
#include <stdexcept>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

namespace weir::tests {
namespace {

using Block = std::array<char, 4096>;

DecodedContent decode_gzip(std::string_view bytes) {
    DecodedContent out;
    z_stream stream{};
    inflateInit2(&stream, 15 + 16);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    Block block;
    int result = Z_OK;
    do {
        stream.next_out = reinterpret_cast<Bytef*>(block.data());
        stream.avail_out = block.size();
        result = inflate(&stream, Z_NO_FLUSH);
        out.text.append(block.data(), block.size() - stream.avail_out);
    } while (result == Z_OK && stream.avail_out == 0);
    out.is_whole = result == Z_STREAM_END && stream.avail_in == 0;
    inflateEnd(&stream);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) throw std::runtime_error("malformed gzip");
    return out;
}

DecodedContent decode_brotli(std::string_view bytes) {
    DecodedContent out;
    const std::unique_ptr<BrotliDecoderState, void (*)(BrotliDecoderState*)> state(
        BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
    auto left = bytes.size();
    Block block;
    auto result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT || BrotliDecoderHasMoreOutput(state.get())) {
        auto* next_out = reinterpret_cast<std::uint8_t*>(block.data());
        auto room = block.size();
        result = BrotliDecoderDecompressStream(state.get(), &left, &next_in, &room, &next_out, nullptr);
        out.text.append(block.data(), block.size() - room);
    }
    if (result == BROTLI_DECODER_RESULT_ERROR) throw std::runtime_error("malformed brotli");
    out.is_whole = result == BROTLI_DECODER_RESULT_SUCCESS && left == 0;
    return out;
}

DecodedContent decode_zstd(std::string_view bytes) {
    DecodedContent out;
    const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(), ZSTD_freeDStream);
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    Block block;
    for (;;) {
        ZSTD_outBuffer room{block.data(), block.size(), 0};
        const auto result = ZSTD_decompressStream(stream.get(), &room, &in);
        if (ZSTD_isError(result)) throw std::runtime_error("malformed zstd");
        out.text.append(block.data(), room.pos);
        out.is_whole = result == 0 && in.pos == in.size;
        if (result == 0 || (in.pos == in.size && room.pos < room.size)) return out;
    }
}

} // namespace

DecodedContent decode_content(conf::ContentCoding coding, std::string_view bytes) {
    switch (coding) {
    case conf::ContentCoding::gzip: return decode_gzip(bytes);
    case conf::ContentCoding::br: return decode_brotli(bytes);
    case conf::ContentCoding::zstd: return decode_zstd(bytes);
    }
    return {};
}

} // namespace weir::tests
