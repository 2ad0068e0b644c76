#include "proxy/transfer/body_decoder.h"

namespace weir::proxy::http {

Decoded BodyDecoder::decode_chunks(char* bytes, std::size_t size) {
    const auto result = chunks_.decode(bytes, size);
    switch (result.status) {
    case ChunkStatus::more: return {DecodeStatus::more, result.consumed, result.payload};
    case ChunkStatus::done: return {DecodeStatus::done, result.consumed, result.payload};
    case ChunkStatus::bad: break;
    }
    return {DecodeStatus::malformed, result.consumed - std::min<std::size_t>(result.consumed, 1)};
}

} // namespace weir::proxy::http
