// The encoders of one worker. The pool lends them to responses, keeps a few for later ones, and limits the memory of
// the encoders in use. At the limit, responses are sent without compression.
//
// Thread: one worker's thread.
// Lifetime: outlives all encoders that it has lent.
#pragma once

#include "proxy/compress/encoder.h"

#include <array>
#include <memory>
#include <vector>

namespace weir::proxy::compress {

class EncoderPool {
public:
    // Bytes of memory that the encoders in use may need. A few idle encoders come on top.
    static constexpr std::size_t usual_budget = 256 * 1024 * 1024;

    struct Return {
        EncoderPool* pool = nullptr;
        conf::ContentCoding coding{};
        void operator()(Encoder* encoder) const { pool->take_back(encoder, coding); }
    };
    using Lease = std::unique_ptr<Encoder, Return>;

    explicit EncoderPool(std::size_t budget = usual_budget) : budget_(budget) {}
    EncoderPool(const EncoderPool&) = delete;
    EncoderPool& operator=(const EncoderPool&) = delete;

    // Lends an encoder, ready for a new body. Returns null if there is no memory left in the budget.
    Lease lend(conf::ContentCoding coding, const conf::CompressionLevels& levels);

    std::size_t in_use() const { return in_use_; } // bytes of the budget

private:
    void take_back(Encoder* encoder, conf::ContentCoding coding);

    const std::size_t budget_;
    std::size_t in_use_ = 0;
    std::array<std::vector<std::unique_ptr<Encoder>>, 3> idle_; // by coding
};

// Returns the memory that an encoder needs at most, at any level, in bytes.
std::size_t max_memory_of(conf::ContentCoding coding);

} // namespace weir::proxy::compress
