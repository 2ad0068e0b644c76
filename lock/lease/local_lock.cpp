#include "lock/lease/local_lock.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace weir::lock {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// The result of one attempt: the open file that holds the lock, or the error.
struct Attempt {
    int fd = -1;
    std::uint64_t fence = 0;
    error_code error = {};
    std::string problem = {};
};

Attempt failed(const std::string& what, const std::string& why) {
    return {-1, 0, LockError::unavailable, what + ": " + why};
}

Attempt take(const std::string& path, const FenceStore& fences) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return failed(path, std::strerror(errno));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const auto attempt =
            errno == EWOULDBLOCK ? Attempt{-1, 0, LockError::held} : failed(path, std::strerror(errno));
        ::close(fd);
        return attempt;
    }
    const auto last = fences.read();
    const auto fence = last ? *last + 1 : 0;
    const auto error = last ? fences.raise(fence) : last.error();
    if (!error) return {fd, fence};
    ::close(fd);
    return failed("the fence beside " + path, error.message());
}

Awaitable<Attempt> take_there(std::string state_dir) {
    co_return take(state_dir + "/reload.lock", FenceStore(state_dir));
}

} // namespace

LocalLock::~LocalLock() {
    if (fd_ >= 0) ::close(fd_);
}

Awaitable<Result<Lease>> LocalLock::try_acquire(std::string holder) {
    if (fd_ >= 0) co_return LockError::held;
    auto attempt = co_await asio::co_spawn(fences_.disk(), take_there(fences_.state_dir()), asio::use_awaitable);
    if (attempt.fd < 0) problem_ = std::move(attempt.problem);
    if (attempt.fd < 0) co_return attempt.error;
    fd_ = attempt.fd;
    Lease lease{attempt.fence, std::move(holder), Clock::now() + ttl()};
    co_return lease;
}

Awaitable<error_code> LocalLock::renew(Lease& lease) {
    lease.deadline = Clock::now() + ttl();
    co_return error_code();
}

Awaitable<void> LocalLock::release(Lease) {
    if (fd_ >= 0) ::close(fd_); // closing the file releases the lock
    fd_ = -1;
    co_return;
}

} // namespace weir::lock
