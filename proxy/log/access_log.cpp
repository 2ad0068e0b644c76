#include "proxy/log/access_log.h"

#include "proxy/log/stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::proxy::log {
namespace {

// How long a line may wait: lines that wait together cost one write. A quiet log is checked less often.
constexpr auto pace = std::chrono::milliseconds(50), quiet_pace = std::chrono::milliseconds(200);
constexpr int quiet_rounds = 20;

Result<UniqueFd> open_output(const std::string& output) {
    if (output == "stdout") return open_stream(STDOUT_FILENO);
    if (output == "stderr") return open_stream(STDERR_FILENO);
    UniqueFd fd(::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640));
    if (!fd) return last_system_error();
    return fd;
}

} // namespace

AccessLog::AccessLog(std::size_t workers) {
    for (std::size_t i = 0; i < workers; ++i) rings_.push_back(std::make_unique<Ring>());
    thread_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
    stopping_ = true;
    wake_.notify_one();
    thread_.join();
    if (fd_ >= 0) ::close(fd_);
    for (const int fd : idle_) ::close(fd);
}

Result<void> check_output(const std::string& output) {
    if (!output.starts_with('/')) return {};
    const auto cannot_open = [&] { return Error("cannot open " + output + ": " + std::strerror(errno)); };
    struct stat info {};
    if (::stat(output.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return cannot_open();
    }
    if (::access(output.c_str(), W_OK) == 0) return {};
    if (errno != ENOENT) return cannot_open();
    const auto folder = output.substr(0, std::max<std::size_t>(output.rfind('/'), 1));
    if (::access(folder.c_str(), W_OK | X_OK) != 0) return cannot_open();
    return {};
}

Result<void> AccessLog::Output::open(const std::string& name) {
    name_ = name;
    if (name == "none") return {};
    auto opened = open_output(name);
    if (!opened) return Error("cannot open " + name + ": " + opened.error().message());
    fd_ = *std::move(opened);
    return {};
}

void AccessLog::use(Output&& output) {
    output_ = output.name_;
    const int old = fd_.load();
    if (output.fd_ && old >= 0) {
        ::dup3(output.fd_.get(), old,
               O_CLOEXEC); // the writer may be using the old number, so it must refer to the new file
        return;
    }
    if (old >= 0) idle_.push_back(old); // the writer may still be using it
    fd_ = output.fd_.release();
}

Result<void> AccessLog::reopen() {
    Output output;
    auto opened = output.open(output_);
    if (opened) use(std::move(output));
    return opened;
}

void AccessLog::run() {
    for (int quiet = 0;; ++quiet) {
        const bool last = stopping_;
        while (write_out()) quiet = 0;
        if (last) return;
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, quiet < quiet_rounds ? pace : quiet_pace);
    }
}

// Returns true if there may be more to write.
bool AccessLog::write_out() {
    bool wrote = false;
    for (auto& ring : rings_) {
        const auto bytes = ring->peek();
        if (bytes.empty()) continue;
        write_lines(bytes);
        ring->release(bytes.size());
        wrote = true;
    }
    return wrote;
}

// Lines that cannot be written are lost and counted; traffic goes on.
void AccessLog::write_lines(std::string_view lines) {
    if (fd_ < 0) return;
    if (torn_ && write_some("\n") == 1) torn_ = false;
    const auto written = torn_ ? 0 : write_some(lines);
    if (written == lines.size()) return;
    if (written > 0) torn_ = lines[written - 1] != '\n';
    lost_ +=
        static_cast<std::uint64_t>(std::count(lines.begin() + static_cast<std::ptrdiff_t>(written), lines.end(), '\n'));
}

// Returns how many bytes were written: fewer than all if the output fails, or if weir stops and the reader stalls.
std::size_t AccessLog::write_some(std::string_view bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto written = ::write(fd_, bytes.data() + done, bytes.size() - done);
        if (written >= 0) {
            done += static_cast<std::size_t>(written);
        } else if (errno == EAGAIN) {
            // The reader at the other end stalls. The rings drop and count lines until it reads; a stop does not wait.
            pollfd wait{fd_, POLLOUT, 0};
            if (::poll(&wait, 1, 200) <= 0 && stopping_) break;
        } else if (errno != EINTR) {
            break; // a full disk
        }
    }
    return done;
}

} // namespace weir::proxy::log
