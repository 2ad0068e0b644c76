#include "health/beat.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

namespace weir::health {
namespace {

std::string signed_text(const Beat& beat) {
    return beat.pool + "\n" + beat.backend + "\n" + std::to_string(beat.sequence) + "\n" +
           std::to_string(beat.time_ms) + "\n" + std::to_string(beat.weight) + "\n" + (beat.drain ? "1\n" : "0\n");
}

} // namespace

std::string sign_beat(const Beat& beat, std::string_view token) {
    const auto text = signed_text(beat);
    static const EVP_MD* const sha256 =
        ::EVP_MD_fetch(nullptr, "SHA256", nullptr); // once: a look-up costs more than the sum
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    ::HMAC(sha256, token.data(), static_cast<int>(token.size()), reinterpret_cast<const unsigned char*>(text.data()),
           text.size(), digest, &length);
    std::string out;
    for (unsigned i = 0; i < length; ++i) {
        out += "0123456789abcdef"[digest[i] >> 4];
        out += "0123456789abcdef"[digest[i] & 15];
    }
    return out;
}

bool is_signed(const Beat& beat, std::string_view token, std::string_view signature) {
    const auto right = sign_beat(beat, token);
    return signature.size() == right.size() && CRYPTO_memcmp(signature.data(), right.data(), right.size()) == 0;
}

std::int64_t BeatLedger::expected_ms(Steady now, std::int64_t wall_ms) const {
    if (!known_) return wall_ms;
    return first_ms_ + std::chrono::duration_cast<std::chrono::milliseconds>(now - first_).count();
}

BeatLedger::Answer BeatLedger::take(const Beat& beat, Steady now, std::int64_t wall_ms) {
    if (known_ && beat.sequence <= last_sequence_) return Answer::replayed;
    const auto off = beat.time_ms - expected_ms(now, wall_ms);
    if (off > tolerance.count() || off < -tolerance.count()) return Answer::off_time;
    if (!known_) {
        first_ms_ = beat.time_ms;
        first_ = now;
        known_ = true;
    }
    last_sequence_ = beat.sequence;
    return Answer::accepted;
}

} // namespace weir::health
