#include "proxy/process/systemd_notify.h"

#include "base/unique_fd.h"

#include <charconv>
#include <cstddef>
#include <cstdlib>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace weir::proxy {
namespace {

// Parses a whole number above 0.
std::optional<long long> parse_number(std::string_view text) {
    long long number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number <= 0) return std::nullopt;
    return number;
}

} // namespace

void notify_systemd(std::string_view assignments) {
    const char* const name = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    const std::string_view path(name ? name : "");
    if (path.empty() || path.size() >= sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    if (path[0] == '@') address.sun_path[0] = '\0'; // an abstract socket name
    const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) return;
    constexpr timeval limit{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    ::sendto(fd.get(), assignments.data(), assignments.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address), length);
}

void notify_ready(std::string_view status) {
    std::string line(status.substr(0, status.find('\n')));
    notify_systemd("READY=1\nMAINPID=" + std::to_string(::getpid()) + "\nSTATUS=" + line);
}

void notify_stopping(std::chrono::microseconds limit) {
    notify_systemd("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(limit.count()));
}

std::optional<std::chrono::microseconds> watchdog_timeout(const char* usec, const char* pid, long self) {
    if (pid && parse_number(pid) != self) return std::nullopt; // meant for a parent of this process
    const auto timeout = usec ? parse_number(usec) : std::nullopt;
    if (!timeout) return std::nullopt;
    return std::chrono::microseconds(*timeout);
}

} // namespace weir::proxy
