// The encoders of one worker. The pool lends them to responses, keeps a few for later ones, and limits the memory of
// the encoders in use. At the limit, responses are sent without compression.
//
// Thread: one worker's thread.
// Lifetime: outlives all encoders that it has lent.
#pragma once

#include "proxy/compress/encoder.h"

#include <array>
#include <memory>
#include <utility>
#include <vector>

namespace weir::proxy::compress {

class EncoderPool {
public:
    // Bytes of memory that the encoders in use may need. A few idle encoders come on top.
    static constexpr std::size_t usual_budget = 256 * 1024 * 1024;

    // The right to an encoder. The encoder itself is taken when the body is first compressed: while bodies wait for
    // their turns, a few encoders, whose memory the processor has at hand, serve one body after another.
    class Lease {
    public:
        Lease() = default;
        Lease(Lease&& other) noexcept { swap(other); }
        Lease& operator=(Lease&& other) noexcept {
            Lease moved(std::move(other));
            swap(moved);
            return *this;
        }
        ~Lease() { reset(); }

        explicit operator bool() const { return pool_ != nullptr; }
        // Throws std::bad_alloc if there is no memory.
        Encoder& operator*() {
            if (!encoder_) encoder_ = pool_->take(coding_, level_);
            return *encoder_;
        }
        void reset() {
            if (auto* pool = std::exchange(pool_, nullptr)) pool->take_back(std::move(encoder_), coding_);
        }

    private:
        friend class EncoderPool;

        Lease(EncoderPool& pool, conf::ContentCoding coding, std::uint32_t level)
            : pool_(&pool), coding_(coding), level_(level) {}
        void swap(Lease& other) noexcept {
            std::swap(pool_, other.pool_);
            std::swap(encoder_, other.encoder_);
            std::swap(coding_, other.coding_);
            std::swap(level_, other.level_);
        }

        EncoderPool* pool_ = nullptr; // null: no right
        std::unique_ptr<Encoder> encoder_;
        conf::ContentCoding coding_{};
        std::uint32_t level_ = 0;
    };

    explicit EncoderPool(std::size_t budget = usual_budget) : budget_(budget) {}
    EncoderPool(const EncoderPool&) = delete;
    EncoderPool& operator=(const EncoderPool&) = delete;

    // Lends an encoder, ready for a new body. Returns an empty lease if there is no memory left in the budget.
    Lease lend(conf::ContentCoding coding, const conf::CompressionLevels& levels);

    std::size_t in_use() const { return in_use_; } // bytes of the budget

private:
    std::unique_ptr<Encoder> take(conf::ContentCoding coding, std::uint32_t level);
    void take_back(std::unique_ptr<Encoder> encoder, conf::ContentCoding coding);

    const std::size_t budget_;
    std::size_t in_use_ = 0;
    std::array<std::vector<std::unique_ptr<Encoder>>, 3> idle_; // by coding
};

// Returns the memory that an encoder needs at most, at any level, in bytes.
std::size_t max_memory_of(conf::ContentCoding coding);

} // namespace weir::proxy::compress
