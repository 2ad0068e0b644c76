// The lock among the processes of one machine: flock on a file in `state_dir`, and the fence beside it. It needs no
// server, and the kernel gives it back when its holder dies.
//
// Thread: the control thread; the disk is waited for elsewhere.
// Lifetime: holds the file open while the lock is held; must outlive the coroutines that it started.
#pragma once

#include "lock/fences.h"

namespace weir::lock {

class LocalLock final : public Lock {
public:
    explicit LocalLock(Fences fences) : fences_(std::move(fences)) {}
    ~LocalLock() override;
    LocalLock(const LocalLock&) = delete;
    LocalLock& operator=(const LocalLock&) = delete;

    Awaitable<Result<Lease>> try_acquire(std::string holder) override;
    Awaitable<boost::system::error_code> renew(Lease& lease) override;
    Awaitable<void> release(Lease lease) override;
    std::chrono::milliseconds ttl() const override { return std::chrono::hours(1); }
    std::string last_problem() const override { return problem_; }

private:
    const Fences fences_;
    std::string problem_;
    int fd_ = -1;
};

} // namespace weir::lock
