#include "lock/lease/local_lock.h"

#include "base/clock.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>

namespace weir::lock {

namespace asio = boost::asio;

namespace {

// The open file that holds the lock, and the fence of the lease.
struct Held {
    UniqueFd fd = {};
    std::uint64_t fence = 0;
};

Error unavailable(const std::string& what, const std::string& reason) {
    return {LockError::unavailable, what + ": " + reason};
}

Result<Held> take(const std::string& path, const FenceStore& fences) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) return unavailable(path, std::strerror(errno));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return LockError::held;
        return unavailable(path, std::strerror(errno));
    }
    const auto last = fences.read();
    const auto fence = last ? *last + 1 : 0;
    const auto raised = last ? fences.raise(fence) : last.error();
    if (raised) return Held{std::move(fd), fence};
    return unavailable("the fence file next to " + path, raised.error().message());
}

Awaitable<Result<Held>> take_there(std::string state_dir) {
    co_return take(local_lock_path(state_dir), FenceStore(state_dir));
}

} // namespace

std::string local_lock_path(const std::string& state_dir) { return state_dir + "/reload.lock"; }

Awaitable<Result<Lease>> LocalLock::try_acquire(std::string holder) {
    if (file_) co_return LockError::held;
    auto taken = co_await asio::co_spawn(fences_.disk(), take_there(fences_.state_dir()), asio::use_awaitable);
    if (!taken) co_return taken.error();
    file_ = std::move(taken->fd);
    const auto executor = co_await asio::this_coro::executor;
    Lease lease{taken->fence, std::move(holder), clock_of(executor).now() + ttl()};
    co_return lease;
}

Awaitable<Result<void>> LocalLock::renew(Lease& lease) {
    const auto executor = co_await asio::this_coro::executor;
    lease.deadline = clock_of(executor).now() + ttl();
    co_return Result<void>();
}

Awaitable<void> LocalLock::release(Lease) {
    file_.reset(); // closing the file releases the lock
    co_return;
}

} // namespace weir::lock
