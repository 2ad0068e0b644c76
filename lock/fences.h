// The FenceStore for coroutines: the disk has its say on an executor of its own, and a slow one holds up nobody else.
//
// Thread: any, one at a time.
// Lifetime: a value; what it has begun keeps what it needs.
#pragma once

#include "lock/fence_store.h"
#include "lock/lock.h"

#include <boost/asio/any_io_executor.hpp>

namespace weir::lock {

class Fences {
public:
    // `disk` may block.
    Fences(boost::asio::any_io_executor disk, std::string state_dir)
        : disk_(std::move(disk)), state_dir_(std::move(state_dir)) {}

    const boost::asio::any_io_executor& disk() const { return disk_; }
    const std::string& state_dir() const { return state_dir_; }

    // As in FenceStore.
    Awaitable<Result<std::uint64_t>> read() const;
    Awaitable<boost::system::error_code> raise(std::uint64_t fence) const;
    Awaitable<boost::system::error_code> admit(std::uint64_t fence, std::string hash) const;

private:
    boost::asio::any_io_executor disk_;
    std::string state_dir_;
};

} // namespace weir::lock
