#include "base/durable_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir {
namespace {

using boost::system::error_code;

constexpr auto not_a_file = boost::system::errc::invalid_argument;

error_code last_error() { return {errno, boost::system::system_category()}; }

// Writes, syncs and closes the file; a full disk may surface in any of these steps.
error_code write_synced(const std::string& path, std::string_view content) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return last_error();
    error_code error;
    while (!content.empty() && !error) {
        const auto written = ::write(fd, content.data(), content.size());
        if (written > 0) content.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR) error = last_error();
    }
    if (!error && ::fsync(fd) != 0) error = last_error();
    if (::close(fd) != 0 && !error) error = last_error();
    return error;
}

error_code sync_directory(const std::string& path) {
    const auto slash = path.rfind('/');
    const auto directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return last_error();
    const auto error = ::fsync(fd) != 0 ? last_error() : error_code();
    ::close(fd);
    return error;
}

} // namespace

Result<void> replace_file(const std::string& path, std::string_view content) {
    const auto aside = path + ".new-" + std::to_string(::getpid()); // other processes may replace the same file
    auto error = write_synced(aside, content);
    if (!error && std::rename(aside.c_str(), path.c_str()) != 0) error = last_error();
    if (error) {
        ::unlink(aside.c_str());
        return error;
    }
    if (const auto unsynced = sync_directory(path)) return unsynced;
    return {};
}

Result<std::string> read_whole_file(const std::string& path, std::size_t most) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); // opening a pipe would wait for its writer
    if (fd < 0) return last_error();
    error_code error;
    struct stat about {};
    if (::fstat(fd, &about) != 0) error = last_error();
    else if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) error = make_error_code(not_a_file);
    std::string text;
    std::array<char, 16384> piece;
    for (bool more = !error; more && text.size() < most;) {
        const auto got = ::read(fd, piece.data(), std::min(piece.size(), most - text.size()));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) error = last_error();
        if (got > 0) text.append(piece.data(), static_cast<std::size_t>(got));
        more = got > 0;
    }
    ::close(fd);
    if (error == not_a_file) return Error(error, "it is not a regular file; put one there");
    if (error) return error;
    return text;
}

} // namespace weir
