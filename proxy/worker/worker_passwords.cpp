#include "proxy/worker/worker_passwords.h"

#include <utility>

namespace weir::proxy {
WorkerPasswords::WorkerPasswords(EventLoop& loop, auth::PasswordChecker& checker)
    : loop_(loop), checker_(checker), results_(random_sip_key(), random_sip_key()) {}

std::shared_ptr<PasswordCheck> WorkerPasswords::begin(const Key& key, const std::string& password,
                                                      const std::string& hash, Waiter& waiter) {
    auto& check = checks_[key];
    if (!check) {
        check = std::make_shared<PasswordCheck>();
        const auto done = [this, key, check](auth::PasswordResult result) {
            loop_.post([this, key, check, result] { conclude(key, *check, result); });
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
    if (check.result || !check.waiters.empty()) return;
    check.is_wanted = false;
    checks_.erase(key); // another request with these credentials begins a check of its own
}

void WorkerPasswords::conclude(const Key& key, PasswordCheck& check, auth::PasswordResult result) {
    results_.remember(key, result, loop_.now());
    check.result = result;
    if (check.is_wanted) checks_.erase(key); // otherwise the entry is not this check's
    for (auto* waiter : std::exchange(check.waiters, {})) waiter->yield(loop_);
}

} // namespace weir::proxy
