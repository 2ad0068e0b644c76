#include "lock/lease/fence_store.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace weir::lock {
namespace {

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

// Closes the descriptor when it goes out of scope.
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

// The file contains "FENCE\n" or "FENCE HASH\n".
boost::system::result<FenceStore::Mark> FenceStore::read_mark() const {
    const File file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0 && errno == ENOENT) return Mark{};
    char text[128];
    const auto got = file.fd < 0 ? -1 : ::read(file.fd, text, sizeof text);
    if (got < 0) return last_error();
    Mark mark;
    const char* const last = text + got;
    const auto [end, error] = std::from_chars(text, last, mark.fence);
    const auto newline = std::find(end, last, '\n');
    if (error != std::errc{} || newline == last || (end != newline && *end != ' '))
        return boost::system::error_code(EBADMSG, boost::system::system_category());
    if (end != newline) mark.hash.assign(end + 1, newline);
    return mark;
}

boost::system::result<std::uint64_t> FenceStore::read() const {
    const auto mark = read_mark();
    if (!mark) return mark.error();
    return mark->fence;
}

boost::system::error_code FenceStore::raise(std::uint64_t fence) const {
    const auto known = read_mark();
    if (!known) return known.error();
    if (known->fence > fence) return LockError::lost;
    return write({fence, ""});
}

boost::system::error_code FenceStore::admit(std::uint64_t fence, const std::string& hash) const {
    const auto known = read_mark();
    if (!known) return known.error();
    if (known->fence > fence) return LockError::lost;
    if (known->fence == fence && !known->hash.empty() && known->hash != hash) return LockError::lost;
    return write({fence, hash});
}

boost::system::error_code FenceStore::write(const Mark& mark) const {
    const auto text = std::to_string(mark.fence) + (mark.hash.empty() ? "" : " " + mark.hash) + "\n";
    const auto aside = path_ + "." + std::to_string(::getpid());
    {
        const File file{::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        if (file.fd < 0 || !write_all(file.fd, text) || ::fsync(file.fd) != 0) return last_error();
    }
    if (std::rename(aside.c_str(), path_.c_str()) != 0) return last_error();
    const File directory{::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.fd < 0 || ::fsync(directory.fd) != 0) return last_error();
    return {};
}

} // namespace weir::lock
