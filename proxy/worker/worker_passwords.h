// How a worker checks passwords: what it remembers, and which checks it waits for. The same credentials are checked
// once at a time, however many requests bring them.
//
//   find ─→ known
//     └─→ begin ─→ a check of another request, or a new one ─→ its result, which is remembered ─→ the requests wake up
//            └ none: too many wait
//
// Thread: one worker's thread.
// Lifetime: the event loop must outlive it, and the checker must stop before the event loop ends.
#pragma once

#include "proxy/auth/password_cache.h"
#include "proxy/io/event_loop.h"
#include "proxy/io/waiter.h"

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace weir::proxy {

// A check on another thread.
struct PasswordCheck {
    std::vector<Waiter*> waiters{};
    std::optional<auth::PasswordResult> result{};
    std::atomic<bool> is_wanted{true}; // false: all waiters have left
};

class WorkerPasswords {
public:
    using Key = auth::PasswordCache::Key;

    WorkerPasswords(EventLoop& loop, auth::PasswordChecker& checker);

    Key key_of(const auth::BasicCredentials& credentials, const std::string& hash) const {
        return results_.key_of(credentials, hash);
    }
    // Returns the result, if it is known.
    std::optional<auth::PasswordResult> find(const Key& key) const { return results_.find(key, loop_.now()); }
    // Checks a password on another thread. Wakes `waiter` when the result is known. Returns null if too many wait.
    std::shared_ptr<PasswordCheck> begin(const Key& key, const std::string& password, const std::string& hash,
                                         Waiter& waiter);
    // The waiter no longer waits for the result.
    void leave(const Key& key, PasswordCheck& check, Waiter& waiter);

private:
    void conclude(const Key& key, PasswordCheck& check, auth::PasswordResult result);

    EventLoop& loop_;
    auth::PasswordChecker& checker_;
    auth::PasswordCache results_;
    std::map<Key, std::shared_ptr<PasswordCheck>> checks_; // that somebody waits for
};

} // namespace weir::proxy
