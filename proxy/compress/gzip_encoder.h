// Compresses with gzip (RFC 1952), by zlib.
//
// Thread: one worker's thread.
// Lifetime: see Encoder.
#pragma once

#include "proxy/compress/encoder.h"

#include <zlib.h>

namespace weir::proxy::compress {

class GzipEncoder final : public Encoder {
public:
    static constexpr std::size_t max_memory = 272 * 1024;

    GzipEncoder() = default;
    ~GzipEncoder() override;

    void begin(std::uint32_t level) override;
    Encoded encode(std::span<const char> input, std::span<char> output, Operation operation) override;

private:
    z_stream stream_{};
    std::uint32_t level_ = 0; // 0: not initialized
};

} // namespace weir::proxy::compress
