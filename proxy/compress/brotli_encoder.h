// Compresses with brotli (RFC 7932).
//
// Thread: one worker's thread.
// Lifetime: see Encoder.
#pragma once

#include "proxy/compress/encoder.h"

#include <memory>

#include <brotli/encode.h>

namespace weir::proxy::compress {

class BrotliEncoder final : public Encoder {
public:
    static constexpr std::size_t max_memory = 2 * 1024 * 1024;

    void begin(std::uint32_t level) override;
    Encoded encode(std::span<const char> input, std::span<char> output, Operation operation) override;

private:
    struct Destroy {
        void operator()(BrotliEncoderState* state) const { BrotliEncoderDestroyInstance(state); }
    };

    std::unique_ptr<BrotliEncoderState, Destroy> state_;
};

} // namespace weir::proxy::compress
