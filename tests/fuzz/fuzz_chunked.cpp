// A chunked body: decoding it whole and in pieces gives the same result. The first byte selects the size of the pieces
// and the syntax.
#include "proxy/http1/chunk_decoder.h"

#include <cstdlib>
#include <string>

using namespace weir::proxy::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto syntax = data[0] < 128 ? ChunkSyntax::strict : ChunkSyntax::tolerant;
    const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    auto whole = bytes;
    ChunkDecoder one(syntax);
    const auto result = one.decode(whole.data(), whole.size());
    std::string payload;
    ChunkDecoder two(syntax);
    auto status = ChunkStatus::more;
    std::size_t consumed = 0;
    for (std::size_t at = 0; at < bytes.size() && status == ChunkStatus::more;) {
        auto part = bytes.substr(at, data[0] % 7 + 1);
        const auto step = two.decode(part.data(), part.size());
        payload += part.substr(0, step.payload);
        consumed += step.consumed;
        status = step.status;
        at += part.size();
    }
    if (status != result.status || consumed != result.consumed) std::abort();
    if (payload != whole.substr(0, result.payload)) std::abort();
    if (syntax == ChunkSyntax::tolerant || result.status != ChunkStatus::done) return 0;
    // The tolerant syntax accepts everything that the grammar allows.
    auto again = bytes;
    ChunkDecoder tolerant(ChunkSyntax::tolerant);
    const auto tolerated = tolerant.decode(again.data(), again.size());
    if (tolerated.status != ChunkStatus::done || again.substr(0, tolerated.payload) != payload) std::abort();
    return 0;
}
