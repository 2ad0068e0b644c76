// Compresses one body with one content coding.
//
// Thread: one worker's thread.
// Lifetime: keeps no pointer to the bytes. An EncoderPool owns it.
#pragma once

#include "conf/model/compression.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::proxy::compress {

enum class Operation {
    proceed, // take input; output may come later
    flush,   // put out everything that the receiver needs to decode all input so far
    finish,  // end the body
};

struct Encoded {
    std::size_t consumed = 0, produced = 0; // bytes
    // The operation is complete: all input was taken, and `flush` and `finish` have put out everything.
    bool complete = false;
};

class Encoder {
public:
    static constexpr std::size_t min_output = 16; // bytes of room that `encode` needs

    virtual ~Encoder() = default;
    Encoder() = default;
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    // Begins a new body. The level must be within the limits of conf::CompressionLevels.
    virtual void begin(std::uint32_t level) = 0;
    // Compresses from `input` to `output`, which has room for at least `min_output` bytes. An operation that is not
    // complete must be repeated with the rest of its input and more room. Throws std::bad_alloc if there is no memory.
    virtual Encoded encode(std::span<const char> input, std::span<char> output, Operation operation) = 0;
};

// Returns the name of a coding, as in Content-Encoding.
constexpr std::string_view name_of(conf::ContentCoding coding) {
    switch (coding) {
    case conf::ContentCoding::gzip: return "gzip";
    case conf::ContentCoding::br: return "br";
    case conf::ContentCoding::zstd: return "zstd";
    }
    return {};
}

constexpr std::uint32_t level_of(conf::ContentCoding coding, const conf::CompressionLevels& levels) {
    switch (coding) {
    case conf::ContentCoding::gzip: return levels.gzip;
    case conf::ContentCoding::br: return levels.br;
    case conf::ContentCoding::zstd: return levels.zstd;
    }
    return 0;
}

} // namespace weir::proxy::compress
