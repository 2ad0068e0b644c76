// A chunked body: decoding it whole and in pieces gives the same result, and what is forwarded of its trailer section
// is legal. The first byte selects the size of the pieces and the syntax.
#include "proxy/http1/chunk_decoder.h"
#include "proxy/http1/trailers.h"

#include <cstdlib>
#include <string>

using namespace weir::proxy::http;

namespace {

// What is forwarded of a section is a legal section, of which everything is forwarded.
void check_trailers(std::string_view received) {
    const auto text = TrailerSection(received).text();
    if (text.size() > 2 * received.size()) std::abort();
    std::string again = "0\r\n" + text + "\r\n";
    ChunkDecoder strict(ChunkSyntax::strict);
    const auto result = strict.decode(again.data(), again.size());
    // A blank behind each colon may make a section too long that was almost.
    if (result.status != ChunkStatus::done && received.size() < 4096) std::abort();
    if (result.status == ChunkStatus::done && strict.trailers() != text) std::abort();
    if (TrailerSection(text).text() != text) std::abort();
    for (std::size_t at = 0; at < text.size(); at = text.find("\r\n", at) + 2)
        if (!may_trail(std::string_view(text).substr(at, text.find(':', at) - at))) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto syntax = data[0] < 128 ? ChunkSyntax::strict : ChunkSyntax::tolerant;
    const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    check_trailers(bytes);
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
    if (status != result.status || consumed != result.consumed || one.trailers() != two.trailers()) std::abort();
    if (payload != whole.substr(0, result.payload)) std::abort();
    if (status == ChunkStatus::done) check_trailers(one.trailers());
    if (syntax == ChunkSyntax::tolerant || result.status != ChunkStatus::done) return 0;
    // The tolerant syntax accepts everything that the grammar allows.
    auto again = bytes;
    ChunkDecoder tolerant(ChunkSyntax::tolerant);
    const auto tolerated = tolerant.decode(again.data(), again.size());
    if (tolerated.status != ChunkStatus::done || again.substr(0, tolerated.payload) != payload) std::abort();
    if (tolerant.trailers() != one.trailers()) std::abort();
    return 0;
}
