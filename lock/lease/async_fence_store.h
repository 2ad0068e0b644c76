// The FenceStore for coroutines. Disk access runs on a separate executor, so a slow disk does not block the caller's
// thread.
//
// Thread: any one thread at a time.
// Lifetime: a value; operations in flight own what they use and may outlive it.
#pragma once

#include "lock/lease/fence_store.h"
#include "lock/lease/lock.h"

#include <boost/asio/any_io_executor.hpp>

namespace weir::lock {

class AsyncFenceStore {
public:
    // Operations run on `disk`, whose threads may block.
    AsyncFenceStore(boost::asio::any_io_executor disk, std::string state_dir)
        : disk_(std::move(disk)), state_dir_(std::move(state_dir)) {}

    const boost::asio::any_io_executor& disk() const { return disk_; }
    const std::string& state_dir() const { return state_dir_; }

    // These functions do the same as those of FenceStore.
    Awaitable<Result<std::uint64_t>> read() const;
    Awaitable<Result<void>> raise(std::uint64_t fence) const;
    Awaitable<Result<void>> admit(std::uint64_t fence, std::string hash) const;

private:
    boost::asio::any_io_executor disk_;
    std::string state_dir_;
};

} // namespace weir::lock
