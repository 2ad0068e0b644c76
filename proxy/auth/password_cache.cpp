#include "proxy/auth/password_cache.h"

namespace weir::proxy::auth {

PasswordCache::Key PasswordCache::key_of(const BasicCredentials& credentials, const std::string& hash) const {
    // Credentials have no control characters, so the text has one meaning.
    const auto text = credentials.user + '\n' + credentials.password + '\n' + hash;
    return {sip_hash(secrets_[0], text), sip_hash(secrets_[1], text)};
}

std::optional<PasswordResult> PasswordCache::find(const Key& key, Time now) const {
    if (right_.empty()) return std::nullopt;
    if (right_[place_of(key)].key == key) return PasswordResult::valid;
    const auto& wrong = wrong_[place_of(key)];
    if (wrong.key == key && now < wrong.until) return PasswordResult::invalid;
    return std::nullopt;
}

void PasswordCache::remember(const Key& key, PasswordResult result, Time now) {
    if (right_.empty()) right_.resize(places), wrong_.resize(places);
    auto& entries = result == PasswordResult::valid ? right_ : wrong_;
    entries[place_of(key)] = {key, now + lifetime};
}

} // namespace weir::proxy::auth
