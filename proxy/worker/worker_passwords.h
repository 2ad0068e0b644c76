// How a worker checks passwords: what it remembers, and who hashes for it.
//
// Thread: one worker's thread.
// Lifetime: the checker must outlive it.
#pragma once

#include "proxy/auth/verdict_cache.h"

#include <random>

namespace weir::proxy {

struct WorkerPasswords {
    explicit WorkerPasswords(auth::PasswordChecker& own) : checker(own), verdicts(random_key(), random_key()) {}

    auth::PasswordChecker& checker;
    auth::VerdictCache verdicts;

private:
    static SipKey random_key() {
        std::random_device random;
        const auto word = [&] { return std::uint64_t{random()} << 32 | random(); };
        return {word(), word()};
    }
};

} // namespace weir::proxy
