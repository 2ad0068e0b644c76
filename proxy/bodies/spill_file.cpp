#include "proxy/bodies/spill_file.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

namespace weir::proxy {
namespace {

// Makes a file without a name. Returns none, and sets errno, on failure.
UniqueFd make_file(const std::string& directory) {
    UniqueFd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR));
    // Not every file system, and not every kernel, knows O_TMPFILE.
    if (file || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
    auto path = directory + "/body-XXXXXX";
    file.reset(::mkostemp(path.data(), O_CLOEXEC));
    if (file) ::unlink(path.c_str());
    return file;
}

// Moves all of `size` bytes with `call(done)`, which moves some of them. Returns errno, or 0.
template <class Call> int move_all(std::size_t size, Call call) {
    for (std::size_t done = 0; done < size;) {
        const auto moved = call(done);
        if (moved < 0 && errno == EINTR) continue;
        if (moved <= 0) return moved < 0 ? errno : EIO;
        done += static_cast<std::size_t>(moved);
    }
    return 0;
}

} // namespace

int SpillFile::write(std::uint64_t offset, std::size_t size) {
    if (!file_) file_ = make_file(directory_);
    if (!file_) return errno;
    return move_all(size, [&](std::size_t done) {
        return ::pwrite(file_.get(), block_.get() + done, size - done, static_cast<off_t>(offset + done));
    });
}

int SpillFile::read(std::uint64_t offset, std::size_t size) {
    return move_all(size, [&](std::size_t done) {
        return ::pread(file_.get(), block_.get() + done, size - done, static_cast<off_t>(offset + done));
    });
}

} // namespace weir::proxy
