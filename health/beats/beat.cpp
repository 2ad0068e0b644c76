#include "health/beats/beat.h"

#include "base/hex.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <stdexcept>

namespace weir::health {
namespace {

std::string signed_text(const Beat& beat) {
    return beat.pool + "\n" + beat.backend + "\n" + std::to_string(beat.sequence) + "\n" +
           std::to_string(beat.time_ms) + "\n" + std::to_string(beat.weight) + "\n" + (beat.drain ? "1\n" : "0\n");
}

} // namespace

std::int64_t wall_ms(const Clock& clock) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall_now().time_since_epoch()).count();
}

struct BeatKey::Context {
    EVP_MAC* mac = ::EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    EVP_MAC_CTX* context = ::EVP_MAC_CTX_new(mac);
    ~Context() {
        ::EVP_MAC_CTX_free(context);
        ::EVP_MAC_free(mac);
    }
};

BeatKey::BeatKey(std::string token) : token_(std::move(token)), context_(std::make_unique<Context>()) {
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {::OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_END};
    if (::EVP_MAC_init(context_->context, reinterpret_cast<const unsigned char*>(token_.data()), token_.size(),
                       parameters) != 1)
        throw std::runtime_error("OpenSSL has no HMAC-SHA256");
}

BeatKey::~BeatKey() = default;
BeatKey::BeatKey(BeatKey&&) noexcept = default;
BeatKey& BeatKey::operator=(BeatKey&&) noexcept = default;

std::string BeatKey::sign(const Beat& beat) const {
    const auto text = signed_text(beat);
    unsigned char sum[EVP_MAX_MD_SIZE];
    std::size_t length = 0;
    auto* context = context_->context;
    ::EVP_MAC_init(context, nullptr, 0, nullptr); // restarts the computation with the same key
    ::EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    ::EVP_MAC_final(context, sum, &length, sizeof sum);
    return to_hex({sum, length});
}

bool BeatKey::has_signed(const Beat& beat, std::string_view signature) const {
    const auto right = sign(beat);
    return signature.size() == right.size() && CRYPTO_memcmp(signature.data(), right.data(), right.size()) == 0;
}

std::int64_t ReplayGuard::expected_ms(Steady now, std::int64_t wall_ms) const {
    if (!known_) return wall_ms;
    return first_ms_ + std::chrono::duration_cast<std::chrono::milliseconds>(now - first_).count();
}

ReplayGuard::Answer ReplayGuard::take(const Beat& beat, Steady now, std::int64_t wall_ms) {
    if (known_ && beat.sequence <= last_sequence_) return Answer::replayed;
    const auto off = beat.time_ms - expected_ms(now, wall_ms);
    if (off > tolerance.count() || off < -tolerance.count()) return Answer::off_time;
    // Rounded up, so that a heartbeat sent in the millisecond in which the guard was created is not refused.
    const auto age = std::chrono::ceil<std::chrono::milliseconds>(now - began_).count();
    if (!known_ && beat.time_ms < wall_ms - age) return Answer::off_time;
    if (!known_) {
        first_ms_ = beat.time_ms;
        first_ = now;
        known_ = true;
    }
    last_sequence_ = beat.sequence;
    last_ = now;
    return Answer::accepted;
}

} // namespace weir::health
