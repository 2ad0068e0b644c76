#include "proxy/compress/zstd_encoder.h"

#include <new>

namespace weir::proxy::compress {
namespace {

// A window of 128 KiB, far below the 8 MiB that every client must accept (RFC 9659), and tables that need no more
// memory at a high level than at a low one.
constexpr int zstd_window_log = 17, zstd_hash_log = 17, zstd_chain_log = 16;

ZSTD_EndDirective zstd_directive(Operation operation) {
    switch (operation) {
    case Operation::proceed: return ZSTD_e_continue;
    case Operation::flush: return ZSTD_e_flush;
    case Operation::finish: return ZSTD_e_end;
    }
    return ZSTD_e_end;
}

} // namespace

void ZstdEncoder::begin(std::uint32_t level) {
    if (!context_) context_.reset(ZSTD_createCCtx());
    if (!context_) throw std::bad_alloc();
    ZSTD_CCtx_reset(context_.get(), ZSTD_reset_session_only);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, static_cast<int>(level));
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_windowLog, zstd_window_log);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_hashLog, zstd_hash_log);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_chainLog, zstd_chain_log);
}

Encoded ZstdEncoder::encode(std::span<const char> input, std::span<char> output, Operation operation) {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const auto left = ZSTD_compressStream2(context_.get(), &out, &in, zstd_directive(operation));
    if (ZSTD_isError(left)) throw std::bad_alloc(); // the only failure of an encoder that is used in order
    return {in.pos, out.pos, in.pos == in.size && (operation == Operation::proceed || left == 0)};
}

} // namespace weir::proxy::compress
