#include "proxy/log/access_log.h"

#include "proxy/log/stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace weir::proxy::log {
namespace {

// How long a line may wait: together they cost one write. While there are none, nobody is in a hurry.
constexpr auto pace = std::chrono::milliseconds(50), quiet_pace = std::chrono::milliseconds(200);
constexpr int quiet_rounds = 20;

int open_output(const std::string& output) {
    if (output == "stdout") return open_stream(STDOUT_FILENO);
    if (output == "stderr") return open_stream(STDERR_FILENO);
    return ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
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

AccessLog::Output::~Output() {
    if (fd_ >= 0) ::close(fd_);
}

std::string AccessLog::Output::open(const std::string& name) {
    name_ = name;
    if (name == "none") return {};
    fd_ = open_output(name);
    return fd_ >= 0 ? "" : name + " cannot be opened: " + std::strerror(errno);
}

void AccessLog::use(Output&& output) {
    output_ = output.name_;
    const int old = fd_.load();
    if (output.fd_ >= 0 && old >= 0) {
        ::dup3(output.fd_, old, O_CLOEXEC); // the writer may be using the old number: the new file goes behind it
        return;
    }
    if (old >= 0) idle_.push_back(old); // likewise
    fd_ = std::exchange(output.fd_, -1);
}

std::string AccessLog::reopen() {
    Output output;
    auto error = output.open(output_);
    if (error.empty()) use(std::move(output));
    return error;
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

// True where there may be more.
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

// What cannot be written is lost and counted, line by line; traffic goes on.
void AccessLog::write_lines(std::string_view lines) {
    if (fd_ < 0) return;
    if (torn_ && write_some("\n") == 1) torn_ = false;
    const auto written = torn_ ? 0 : write_some(lines);
    if (written == lines.size()) return;
    if (written > 0) torn_ = lines[written - 1] != '\n';
    lost_ +=
        static_cast<std::uint64_t>(std::count(lines.begin() + static_cast<std::ptrdiff_t>(written), lines.end(), '\n'));
}

// Returns how much of it went out: less than all only where the output fails, or where weir stops and nobody reads.
std::size_t AccessLog::write_some(std::string_view bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto written = ::write(fd_, bytes.data() + done, bytes.size() - done);
        if (written >= 0) {
            done += static_cast<std::size_t>(written);
        } else if (errno == EAGAIN) {
            // Nobody reads at the other end. The rings drop and count meanwhile; a stop does not wait.
            pollfd wait{fd_, POLLOUT, 0};
            if (::poll(&wait, 1, 200) <= 0 && stopping_) break;
        } else if (errno != EINTR) {
            break; // a full disk
        }
    }
    return done;
}

} // namespace weir::proxy::log
