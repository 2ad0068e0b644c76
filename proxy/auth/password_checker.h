// Checks passwords against their hashes on dedicated threads, so that workers never wait: hashing is slow on purpose.
//
//   submit ─→ queue (bounded) ─→ a thread hashes ─→ done(result)
//      └ refused: the queue is full
//
// Thread: `submit` from any thread; the constructor, `stop` and the destructor on one.
// Lifetime: no `done` is called after `stop` has returned.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace weir::proxy::auth {

enum class PasswordResult { valid, invalid };

class PasswordChecker {
public:
    struct Job {
        std::string password;
        std::string hash;                         // as crypt(5) describes it
        std::function<bool()> is_wanted;          // false: it may be dropped; called on any thread
        std::function<void(PasswordResult)> done; // called on a thread of the checker
    };

    // The threads start with the first job.
    PasswordChecker(std::size_t threads, std::size_t max_waiting) : count_(threads), max_waiting_(max_waiting) {}
    ~PasswordChecker() { stop(); }
    PasswordChecker(const PasswordChecker&) = delete;
    PasswordChecker& operator=(const PasswordChecker&) = delete;

    // Checks a password later. Returns false, and does nothing, if too many wait already or no thread can be started.
    [[nodiscard]] bool submit(Job job);
    // Ends the threads, after the checks that they are at. The other jobs are dropped.
    void stop();

private:
    void run();

    const std::size_t count_, max_waiting_;
    std::mutex mutex_; // guards what follows
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    std::vector<std::thread> threads_;
    bool stopping_ = false;
};

// Returns whether a password has this hash. Takes as long as the hash demands, and compares in constant time.
PasswordResult check_password(const std::string& password, const std::string& hash);

} // namespace weir::proxy::auth
