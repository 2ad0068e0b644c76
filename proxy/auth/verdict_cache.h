// Remembers which credentials were right or wrong, so that a password is hashed once and not for each request. Holds
// no password, only hashes under a secret that changes with each process.
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

class VerdictCache {
public:
    using Time = std::chrono::steady_clock::time_point;

    // The secrets are random.
    VerdictCache(const SipKey& first, const SipKey& second) : secrets_{first, second} {}

    // What credentials are checked against: the hash in the file says which password is right, and a changed file has
    // another one.
    struct Question {
        const BasicCredentials& credentials;
        const std::string& hash;
    };

    // Returns the verdict of the last `lifetime`, if there is one.
    std::optional<PasswordVerdict> find(const Question& question, Time now) const;
    void remember(const Question& question, PasswordVerdict verdict, Time now);

    static constexpr std::chrono::minutes lifetime{5};

private:
    using Key = std::array<std::uint64_t, 2>;
    struct Entry {
        Key key{};
        Time until{};
        PasswordVerdict verdict{};
    };

    Key key_of(const Question& question) const;

    std::array<SipKey, 2> secrets_;
    std::vector<Entry> entries_; // by key; a new one displaces an old one in the same place. Empty until it is used
};

} // namespace weir::proxy::auth
