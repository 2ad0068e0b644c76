#include "proxy/upgrade/upgrade.h"

#include "health/probes/deadline.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr auto start_time = std::chrono::seconds(60);  // for the new process to serve
constexpr auto own_end_time = std::chrono::seconds(1); // for a failed process to exit on its own
constexpr auto end_time = std::chrono::seconds(5);     // after which it is killed

std::vector<std::string> own_arguments() {
    std::ifstream in("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> arguments;
    for (std::string argument; std::getline(in, argument, '\0');) arguments.push_back(argument);
    return arguments;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

// Starts the program; returns errno. The child inherits only the standard streams and `channel`.
int start_anew(int channel, pid_t& process) {
    auto arguments = own_arguments();
    if (arguments.empty()) return ENOENT;
    std::vector<std::string> environment;
    for (char** entry = environ; *entry; ++entry)
        if (!std::string_view(*entry).starts_with("WATCHDOG_PID=")) // the new process inherits
            environment.emplace_back(*entry);                       // systemd's watchdog
    environment.push_back(std::string(handover_variable) + "=" + std::to_string(handover_descriptor));
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, channel, handover_descriptor);
    ::posix_spawn_file_actions_addclosefrom_np(&files, handover_descriptor + 1);
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    const int error = ::posix_spawnp(&process, arguments[0].c_str(), &files, &attributes, pointers(arguments).data(),
                                     pointers(environment).data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
    return error;
}

// A duplicate of the channel that stays open after the channel is closed at the deadline.
struct Spare {
    int descriptor;
    ~Spare() {
        if (descriptor >= 0) ::close(descriptor);
    }
};

} // namespace

// Sends the state and waits for the answer. Returns an error, or empty if the new process serves.
asio::awaitable<std::string> Upgrade::converse(const HotRestartState& handover) {
    for (const auto& message : to_messages(handover)) {
        int error = send_message(channel_.native_handle(), message);
        while (error == EAGAIN) {
            const auto [closed] = co_await channel_.async_wait(asio::posix::stream_descriptor::wait_write, token);
            if (closed) co_return "it did not take over in time";
            error = send_message(channel_.native_handle(), message);
        }
        if (error) break; // it has ended; its exit status says more
    }
    for (;;) {
        char bytes[256];
        const auto [error, size] = co_await channel_.async_read_some(asio::buffer(bytes), token);
        const std::string_view answer(bytes, size);
        if (error == asio::error::operation_aborted) co_return "it did not take over in time";
        if (error) co_return "it ended before it served";
        serves_ = answer == "ready";
        if (serves_) co_return "";
        if (answer.starts_with("unused ")) unused_.emplace(answer.substr(7));
    }
}

// Ends a process that did not take over and returns how it ended.
asio::awaitable<std::string> Upgrade::end_process() {
    asio::steady_timer pause(control_);
    const auto begin = std::chrono::steady_clock::now();
    int status = 0;
    while (::waitpid(process_, &status, WNOHANG) == 0) {
        const auto passed = std::chrono::steady_clock::now() - begin;
        if (passed > own_end_time) ::kill(process_, passed > end_time ? SIGKILL : SIGTERM);
        pause.expires_after(std::chrono::milliseconds(50));
        co_await pause.async_wait(token);
    }
    if (WIFEXITED(status)) co_return "exit status " + std::to_string(WEXITSTATUS(status));
    co_return "killed by signal " + std::to_string(WTERMSIG(status));
}

asio::awaitable<std::string> Upgrade::run(const HotRestartState& handover) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) co_return std::strerror(errno);
    const Spare spare{::fcntl(ends[0], F_DUPFD_CLOEXEC, 0)};
    boost::system::error_code unwatched;
    channel_.assign(ends[0], unwatched);
    const int failed = unwatched ? unwatched.value() : start_anew(ends[1], process_);
    ::close(ends[1]);
    if (unwatched) ::close(ends[0]);
    if (failed) co_return std::string("it cannot be started: ") + std::strerror(failed);
    health::Deadline deadline(channel_, start_time);
    const auto error = co_await converse(handover);
    if (error.empty()) co_return error;
    send_message(spare.descriptor, {"no"}); // otherwise it would believe that this process is gone
    if (channel_.is_open()) channel_.close();
    const auto how = co_await end_process();
    co_return error + " (" + how + ")";
}

// Returns an error if the new process ended during the takeover.
asio::awaitable<std::string> Upgrade::confirm() {
    health::Deadline deadline(channel_, end_time);
    told_to_go_ = true;
    send_message(channel_.native_handle(), {"go"});
    char nothing[16];
    co_await channel_.async_read_some(asio::buffer(nothing), token);
    if (::waitpid(process_, nullptr, WNOHANG) == process_) co_return "it ended as it took over";
    co_return "";
}

void Upgrade::abandon() {
    if (!channel_.is_open()) return;
    send_message(channel_.native_handle(), {"no"});
    // The new process may not be reading the channel yet, or may serve already.
    if (process_ > 0 && (!serves_ || told_to_go_)) ::kill(process_, SIGTERM);
    channel_.close();
}

} // namespace weir::proxy
