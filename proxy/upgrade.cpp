#include "proxy/upgrade.h"

#include "health/deadline.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr auto start_time = std::chrono::seconds(60); // for the new process to serve
constexpr auto end_time = std::chrono::seconds(5);    // for one that failed to be gone

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

// Returns errno. The child has the standard streams and `channel`, and nothing else that is open.
int start_anew(int channel, pid_t& process) {
    auto arguments = own_arguments();
    if (arguments.empty()) return ENOENT;
    std::vector<std::string> environment;
    for (char** entry = environ; *entry; ++entry) environment.emplace_back(*entry);
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

// Hands everything over and waits for the answer. Empty where the new process serves.
asio::awaitable<std::string> converse(asio::posix::stream_descriptor& channel, const Handover& handover) {
    for (const auto& message : to_messages(handover)) {
        int error = send_message(channel.native_handle(), message);
        while (error == EAGAIN) {
            const auto [closed] = co_await channel.async_wait(asio::posix::stream_descriptor::wait_write, token);
            if (closed) co_return "it did not take over in time";
            error = send_message(channel.native_handle(), message);
        }
        if (error) break; // it has ended: its exit status tells more
    }
    char answer[16];
    const auto [error, size] = co_await channel.async_read_some(asio::buffer(answer), token);
    if (error == asio::error::operation_aborted) co_return "it did not take over in time";
    if (error || std::string_view(answer, size) != "ready") co_return "it ended before it served";
    co_return "";
}

// Ends a process that did not take over, and tells how it ended.
asio::awaitable<std::string> end_process(asio::io_context& control, pid_t process) {
    asio::steady_timer pause(control);
    const auto end = std::chrono::steady_clock::now() + end_time;
    int status = 0;
    while (::waitpid(process, &status, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > end) ::kill(process, SIGKILL);
        pause.expires_after(std::chrono::milliseconds(20));
        co_await pause.async_wait(token);
    }
    if (WIFEXITED(status)) co_return "exit status " + std::to_string(WEXITSTATUS(status));
    co_return "killed by signal " + std::to_string(WTERMSIG(status));
}

} // namespace

asio::awaitable<UpgradeResult> upgrade(asio::io_context& control, const Handover& handover) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        co_return UpgradeResult{-1, std::strerror(errno)};
    asio::posix::stream_descriptor channel(control, ends[0]);
    pid_t process = -1;
    const int failed = start_anew(ends[1], process);
    ::close(ends[1]);
    if (failed) co_return UpgradeResult{-1, std::string("it cannot be started: ") + std::strerror(failed)};
    health::Deadline deadline(channel, start_time);
    const auto error = co_await converse(channel, handover);
    if (error.empty()) co_return UpgradeResult{process, ""};
    if (channel.is_open()) channel.close();
    const auto how = co_await end_process(control, process);
    co_return UpgradeResult{-1, error + " (" + how + ")"};
}

} // namespace weir::proxy
