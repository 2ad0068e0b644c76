#include "proxy/auth/verdict_cache.h"

namespace weir::proxy::auth {
namespace {

constexpr std::size_t places = 4096; // 160 KiB for each worker that serves a protected route

} // namespace

VerdictCache::Key VerdictCache::key_of(const Question& question) const {
    // Credentials have no control characters, so the text has one meaning.
    const auto text = question.credentials.user + '\n' + question.credentials.password + '\n' + question.hash;
    return {sip_hash(secrets_[0], text), sip_hash(secrets_[1], text)};
}

std::optional<PasswordVerdict> VerdictCache::find(const Question& question, Time now) const {
    if (entries_.empty()) return std::nullopt;
    const auto key = key_of(question);
    const auto& entry = entries_[key[0] % places];
    if (entry.key != key || entry.until <= now) return std::nullopt;
    return entry.verdict;
}

void VerdictCache::remember(const Question& question, PasswordVerdict verdict, Time now) {
    if (entries_.empty()) entries_.resize(places);
    const auto key = key_of(question);
    entries_[key[0] % places] = {key, now + lifetime, verdict};
}

} // namespace weir::proxy::auth
