// Compresses with Zstandard (RFC 8878, RFC 9659).
//
// Thread: one worker's thread.
// Lifetime: see Encoder.
#pragma once

#include "proxy/compress/encoder.h"

#include <memory>

#include <zstd.h>

namespace weir::proxy::compress {

class ZstdEncoder final : public Encoder {
public:
    static constexpr std::size_t max_memory = 1700 * 1024;

    void begin(std::uint32_t level) override;
    Encoded encode(std::span<const char> input, std::span<char> output, Operation operation) override;

private:
    struct Free {
        void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    };

    std::unique_ptr<ZSTD_CCtx, Free> context_;
};

} // namespace weir::proxy::compress
