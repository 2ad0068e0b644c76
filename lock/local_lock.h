// The lock among the processes of one machine: flock on a file in `state_dir`, and the fence beside it. It needs no
// server, and the kernel gives it back when its holder dies.
//
// Thread: the control thread. The disk work is a few small calls; the fence's sync is the longest.
// Lifetime: holds the file open while the lock is held.
#pragma once

#include "lock/fence_store.h"
#include "lock/lock.h"

namespace weir::lock {

class LocalLock final : public Lock {
public:
    explicit LocalLock(const std::string& state_dir) : path_(state_dir + "/reload.lock"), fences_(state_dir) {}
    ~LocalLock() override;
    LocalLock(const LocalLock&) = delete;
    LocalLock& operator=(const LocalLock&) = delete;

    Awaitable<Result<Lease>> try_acquire(std::string holder) override;
    Awaitable<boost::system::error_code> renew(Lease& lease) override;
    Awaitable<void> release(Lease lease) override;
    std::chrono::milliseconds ttl() const override { return std::chrono::hours(1); }
    std::string last_problem() const override { return problem_; }

private:
    Result<Lease> take(const std::string& holder);
    boost::system::error_code fail(const std::string& what, const std::string& why);

    std::string path_, problem_;
    FenceStore fences_;
    int fd_ = -1;
};

} // namespace weir::lock
