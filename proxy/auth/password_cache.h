// Remembers which credentials were right or wrong, so that a password is hashed once, not for each request. It holds no
// passwords, only keyed hashes, whose keys are random for each process.
//
// Thread: one worker's thread.
// Lifetime: a value.
#pragma once

#include "base/sip_hash.h"
#include "proxy/auth/basic_credentials.h"
#include "proxy/auth/password_checker.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::proxy::auth {

class PasswordCache {
public:
    using Time = std::chrono::steady_clock::time_point;
    // Stands for credentials and the hash that they are checked against. A changed password has another hash.
    using Key = std::array<std::uint64_t, 2>;

    // The secrets are random.
    PasswordCache(const SipKey& first, const SipKey& second) : secrets_{first, second} {}

    Key key_of(const BasicCredentials& credentials, const std::string& hash) const;
    // Returns the result, if it is known. Wrong ones are forgotten after `lifetime`.
    std::optional<PasswordResult> find(const Key& key, Time now) const;
    void remember(const Key& key, PasswordResult result, Time now);

    static constexpr std::chrono::minutes lifetime{5};

private:
    struct Entry {
        Key key{};
        Time until{};
    };

    // Returns the index of a key's entry, which a new key takes over from an old one.
    static std::size_t place_of(const Key& key) { return key[0] % places; }

    static constexpr std::size_t places = 4096; // 192 KiB in all, for each worker that serves a protected route

    std::array<SipKey, 2> secrets_;
    // Guesses do not displace passwords that are right. Both are empty until the first result.
    std::vector<Entry> right_, wrong_;
};

} // namespace weir::proxy::auth
