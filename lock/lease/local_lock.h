// The lock that the processes of one machine share: a flock on a file in `state_dir`, with the fence in a file next to
// it. It needs no server, and the kernel releases it when the process that holds it dies.
//
// Thread: the control thread; disk access runs on the executor of the fence store.
// Lifetime: holds the file open while the lock is held; must outlive the coroutines that it started.
#pragma once

#include "base/unique_fd.h"
#include "lock/lease/async_fence_store.h"

namespace weir::lock {

// Returns the path of the file that the processes of one machine lock.
std::string local_lock_path(const std::string& state_dir);

class LocalLock final : public Lock {
public:
    explicit LocalLock(AsyncFenceStore fences) : fences_(std::move(fences)) {}

    Awaitable<Result<Lease>> try_acquire(std::string holder) override;
    Awaitable<Result<void>> renew(Lease& lease) override;
    Awaitable<void> release(Lease lease) override;
    std::chrono::milliseconds ttl() const override { return std::chrono::hours(1); }

private:
    const AsyncFenceStore fences_;
    UniqueFd file_; // open while the lock is held
};

} // namespace weir::lock
