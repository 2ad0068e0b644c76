#include "lock/fence_store.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace weir::lock {
namespace {

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

// Calls close() on every way out.
struct File {
    int fd;
    ~File() {
        if (fd >= 0) ::close(fd);
    }
};

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

} // namespace

boost::system::result<std::uint64_t> FenceStore::read() const {
    const File file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0 && errno == ENOENT) return std::uint64_t{0};
    char text[32];
    const auto got = file.fd < 0 ? -1 : ::read(file.fd, text, sizeof text);
    if (got < 0) return last_error();
    std::uint64_t fence = 0;
    const auto [end, error] = std::from_chars(text, text + got, fence);
    if (error != std::errc{} || end == text + got || *end != '\n')
        return boost::system::error_code(EBADMSG, boost::system::system_category());
    return fence;
}

boost::system::error_code FenceStore::write(std::uint64_t fence) const {
    const auto aside = path_ + "." + std::to_string(::getpid());
    {
        const File file{::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        if (file.fd < 0 || !write_all(file.fd, std::to_string(fence) + "\n") || ::fsync(file.fd) != 0)
            return last_error();
    }
    if (std::rename(aside.c_str(), path_.c_str()) != 0) return last_error();
    const File directory{::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.fd < 0 || ::fsync(directory.fd) != 0) return last_error();
    return {};
}

} // namespace weir::lock
