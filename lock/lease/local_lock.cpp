#include "lock/lease/local_lock.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>

namespace weir::lock {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// The result of one attempt: the open file that holds the lock, or the error.
struct Attempt {
    UniqueFd fd = {};
    std::uint64_t fence = 0;
    error_code error = {};
    std::string problem = {};
};

Attempt failed(const std::string& what, const std::string& why) {
    return {{}, 0, LockError::unavailable, what + ": " + why};
}

Attempt take(const std::string& path, const FenceStore& fences) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) return failed(path, std::strerror(errno));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return {{}, 0, LockError::held};
        return failed(path, std::strerror(errno));
    }
    const auto last = fences.read();
    const auto fence = last ? *last + 1 : 0;
    const auto error = last ? fences.raise(fence) : last.error();
    if (!error) return {std::move(fd), fence};
    return failed("the fence beside " + path, error.message());
}

Awaitable<Attempt> take_there(std::string state_dir) {
    co_return take(local_lock_path(state_dir), FenceStore(state_dir));
}

} // namespace

std::string local_lock_path(const std::string& state_dir) { return state_dir + "/reload.lock"; }

Awaitable<Result<Lease>> LocalLock::try_acquire(std::string holder) {
    if (file_) co_return LockError::held;
    auto attempt = co_await asio::co_spawn(fences_.disk(), take_there(fences_.state_dir()), asio::use_awaitable);
    if (!attempt.fd) {
        problem_ = std::move(attempt.problem);
        co_return attempt.error;
    }
    file_ = std::move(attempt.fd);
    Lease lease{attempt.fence, std::move(holder), Clock::now() + ttl()};
    co_return lease;
}

Awaitable<error_code> LocalLock::renew(Lease& lease) {
    lease.deadline = Clock::now() + ttl();
    co_return error_code();
}

Awaitable<void> LocalLock::release(Lease) {
    file_.reset(); // closing the file releases the lock
    co_return;
}

} // namespace weir::lock
