#include "lock/lease/async_fence_store.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::lock {

namespace asio = boost::asio;

namespace {

Awaitable<Result<std::uint64_t>> read_there(FenceStore store) { co_return store.read(); }
Awaitable<Result<void>> raise_there(FenceStore store, std::uint64_t fence) { co_return store.raise(fence); }
Awaitable<Result<void>> admit_there(FenceStore store, std::uint64_t fence, std::string hash) {
    co_return store.admit(fence, hash);
}

} // namespace

Awaitable<Result<std::uint64_t>> AsyncFenceStore::read() const {
    return asio::co_spawn(disk_, read_there(FenceStore(state_dir_)), asio::use_awaitable);
}

Awaitable<Result<void>> AsyncFenceStore::raise(std::uint64_t fence) const {
    return asio::co_spawn(disk_, raise_there(FenceStore(state_dir_), fence), asio::use_awaitable);
}

Awaitable<Result<void>> AsyncFenceStore::admit(std::uint64_t fence, std::string hash) const {
    return asio::co_spawn(disk_, admit_there(FenceStore(state_dir_), fence, std::move(hash)), asio::use_awaitable);
}

} // namespace weir::lock
