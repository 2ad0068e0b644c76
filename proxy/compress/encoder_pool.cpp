#include "proxy/compress/encoder_pool.h"

#include "proxy/compress/brotli_encoder.h"
#include "proxy/compress/gzip_encoder.h"
#include "proxy/compress/zstd_encoder.h"

namespace weir::proxy::compress {
namespace {

using conf::ContentCoding;

constexpr std::size_t max_idle_encoders = 4; // of each coding

std::unique_ptr<Encoder> make_encoder(ContentCoding coding) {
    switch (coding) {
    case ContentCoding::gzip: return std::make_unique<GzipEncoder>();
    case ContentCoding::br: return std::make_unique<BrotliEncoder>();
    case ContentCoding::zstd: return std::make_unique<ZstdEncoder>();
    }
    return nullptr;
}

} // namespace

std::size_t max_memory_of(ContentCoding coding) {
    switch (coding) {
    case ContentCoding::gzip: return GzipEncoder::max_memory;
    case ContentCoding::br: return BrotliEncoder::max_memory;
    case ContentCoding::zstd: return ZstdEncoder::max_memory;
    }
    return 0;
}

EncoderPool::Lease EncoderPool::lend(ContentCoding coding, const conf::CompressionLevels& levels) {
    const auto needed = max_memory_of(coding);
    if (needed > budget_ - in_use_) return {};
    in_use_ += needed;
    return {*this, coding, level_of(coding, levels)};
}

std::unique_ptr<Encoder> EncoderPool::take(ContentCoding coding, std::uint32_t level) {
    auto& idle = idle_[static_cast<std::size_t>(coding)];
    auto encoder = idle.empty() ? make_encoder(coding) : std::move(idle.back());
    if (!idle.empty()) idle.pop_back();
    encoder->begin(level);
    return encoder;
}

void EncoderPool::take_back(std::unique_ptr<Encoder> encoder, ContentCoding coding) {
    in_use_ -= max_memory_of(coding);
    auto& idle = idle_[static_cast<std::size_t>(coding)];
    // A brotli encoder cannot be used again: keeping it would only keep its memory.
    if (encoder && coding != ContentCoding::br && idle.size() < max_idle_encoders) idle.push_back(std::move(encoder));
}

} // namespace weir::proxy::compress
