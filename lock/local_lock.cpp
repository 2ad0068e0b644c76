#include "lock/local_lock.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace weir::lock {

LocalLock::~LocalLock() {
    if (fd_ >= 0) ::close(fd_);
}

Awaitable<Result<Lease>> LocalLock::try_acquire(std::string holder) { co_return take(holder); }

Result<Lease> LocalLock::take(const std::string& holder) {
    if (fd_ >= 0) return LockError::held;
    const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fail(path_, std::strerror(errno));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const bool held = errno == EWOULDBLOCK;
        const auto error = held ? make_error_code(LockError::held) : fail(path_, std::strerror(errno));
        ::close(fd);
        return error;
    }
    const auto last = fences_.read();
    const auto fence = last ? *last + 1 : 0;
    const auto error = last ? fences_.raise(fence) : last.error();
    if (error) {
        ::close(fd);
        return fail("the fence beside " + path_, error.message());
    }
    fd_ = fd;
    return Lease{fence, holder, Clock::now() + ttl()};
}

boost::system::error_code LocalLock::fail(const std::string& what, const std::string& why) {
    problem_ = what + ": " + why;
    return LockError::unavailable;
}

Awaitable<boost::system::error_code> LocalLock::renew(Lease& lease) {
    lease.deadline = Clock::now() + ttl();
    co_return boost::system::error_code();
}

Awaitable<void> LocalLock::release(Lease) {
    if (fd_ >= 0) ::close(fd_); // the lock goes with it
    fd_ = -1;
    co_return;
}

} // namespace weir::lock
