#include "proxy/worker/worker_passwords.h"

#include <random>
#include <utility>

namespace weir::proxy {
namespace {

SipKey random_key() {
    std::random_device random;
    const auto word = [&] { return std::uint64_t{random()} << 32 | random(); };
    return {word(), word()};
}

} // namespace

WorkerPasswords::WorkerPasswords(EventLoop& loop, auth::PasswordChecker& checker)
    : loop_(loop), checker_(checker), verdicts_(random_key(), random_key()) {}

std::shared_ptr<PasswordCheck> WorkerPasswords::begin(const Key& key, const std::string& password,
                                                      const std::string& hash, Waiter& waiter) {
    auto& check = checks_[key];
    if (!check) {
        check = std::make_shared<PasswordCheck>();
        const auto done = [this, key, check](auth::PasswordVerdict verdict) {
            loop_.post([this, key, check, verdict] { conclude(key, *check, verdict); });
        };
        if (!checker_.submit({password, hash, [check] { return check->is_wanted.load(); }, done})) {
            checks_.erase(key);
            return nullptr;
        }
    }
    check->waiters.push_back(&waiter);
    return check;
}

void WorkerPasswords::leave(const Key& key, PasswordCheck& check, Waiter& waiter) {
    std::erase(check.waiters, &waiter);
    if (check.verdict || !check.waiters.empty()) return;
    check.is_wanted = false;
    checks_.erase(key); // another request with these credentials begins a check of its own
}

void WorkerPasswords::conclude(const Key& key, PasswordCheck& check, auth::PasswordVerdict verdict) {
    verdicts_.remember(key, verdict, loop_.now());
    check.verdict = verdict;
    if (check.is_wanted) checks_.erase(key); // otherwise the entry is not this check's
    for (auto* waiter : std::exchange(check.waiters, {})) waiter->yield(loop_);
}

} // namespace weir::proxy
