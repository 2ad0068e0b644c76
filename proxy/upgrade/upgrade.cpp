#include "proxy/upgrade/upgrade.h"

#include "base/deadline.h"
#include "base/spawn.h"
#include "base/timer.h"
#include "base/unique_fd.h"
#include "base/use_nothrow_awaitable.h"
#include "proxy/upgrade/hot_restart_channel.h"
#include "proxy/upgrade/hot_restart_message.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto start_time = std::chrono::seconds(60);  // for the new process to serve
constexpr auto own_end_time = std::chrono::seconds(1); // for a failed process to exit on its own
constexpr auto end_time = std::chrono::seconds(5);     // after which it is killed

// Starts the program. The child inherits only the standard streams and `channel`.
Result<pid_t> start_program(std::vector<std::string> arguments, int channel) {
    if (arguments.empty()) return boost::system::error_code(ENOENT, boost::system::system_category());
    std::vector<std::string> environment;
    for (char** entry = environ; *entry; ++entry)
        if (!std::string_view(*entry).starts_with("WATCHDOG_PID=")) // the new process inherits
            environment.emplace_back(*entry);                       // systemd's watchdog
    environment.push_back(std::string(handover_variable) + "=" + std::to_string(handover_descriptor));
    const auto path = arguments[0];
    return spawn(
        {path, std::move(arguments), std::move(environment), "", Program::Channel{channel, handover_descriptor}});
}

} // namespace

std::vector<std::string> own_command_line() {
    std::ifstream in("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> arguments;
    for (std::string argument; std::getline(in, argument, '\0');) arguments.push_back(argument);
    return arguments;
}

// Sends the state and waits until the new process serves.
asio::awaitable<Result<void>> Upgrade::converse(const HotRestartState& handover) {
    for (const auto& message : to_messages(handover)) {
        auto sent = send_message(channel_.native_handle(), message);
        while (!sent && sent.error().code() == boost::system::errc::resource_unavailable_try_again) {
            const auto [closed] =
                co_await channel_.async_wait(asio::posix::stream_descriptor::wait_write, use_nothrow_awaitable);
            if (closed) co_return Error("it was not ready in time");
            sent = send_message(channel_.native_handle(), message);
        }
        if (!sent) break; // it has ended; its exit status says more
    }
    for (;;) {
        char bytes[256];
        const auto [error, size] = co_await channel_.async_read_some(asio::buffer(bytes), use_nothrow_awaitable);
        const std::string_view answer(bytes, size);
        if (error == asio::error::operation_aborted) co_return Error("it was not ready in time");
        if (error) co_return Error("it exited before it was ready");
        serves_ = answer == "ready";
        if (serves_) co_return Result<void>();
        if (answer.starts_with("unused ")) unused_.emplace(answer.substr(7));
    }
}

// Ends a process that did not take over and returns how it ended.
asio::awaitable<std::string> Upgrade::end_process() {
    const auto& clock = clock_of(control_);
    const auto begin = clock.now();
    int status = 0;
    while (::waitpid(process_, &status, WNOHANG) == 0) {
        const auto passed = clock.now() - begin;
        if (passed > own_end_time) ::kill(process_, passed > end_time ? SIGKILL : SIGTERM);
        co_await sleep_for(std::chrono::milliseconds(50));
    }
    if (WIFEXITED(status)) co_return "exit status " + std::to_string(WEXITSTATUS(status));
    co_return "killed by signal " + std::to_string(WTERMSIG(status));
}

asio::awaitable<Result<void>> Upgrade::run(const HotRestartState& handover) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) co_return Error(std::strerror(errno));
    UniqueFd own_end(ends[0]), other_end(ends[1]);
    const UniqueFd spare(::fcntl(own_end.get(), F_DUPFD_CLOEXEC, 0)); // stays open when the deadline closes the channel
    boost::system::error_code unwatched;
    channel_.assign(own_end.get(), unwatched);
    if (!unwatched) static_cast<void>(own_end.release());
    const auto started = unwatched ? Result<pid_t>(unwatched) : start_program(command_, other_end.get());
    other_end.reset();
    if (!started) co_return Error("it could not be started: " + started.error().message());
    process_ = *started;
    Deadline deadline(channel_, start_time);
    auto served = co_await converse(handover);
    if (served) co_return served;
    static_cast<void>(send_message(spare.get(), {"no"})); // otherwise it would believe that this process is gone
    if (channel_.is_open()) channel_.close();
    const auto how = co_await end_process();
    co_return Error(served.error().message() + " (" + how + ")");
}

asio::awaitable<Result<void>> Upgrade::confirm() {
    Deadline deadline(channel_, end_time);
    sent_go_ = true;
    static_cast<void>(send_message(channel_.native_handle(), {"go"})); // it fails if the new process has exited
    char nothing[16];
    co_await channel_.async_read_some(asio::buffer(nothing), use_nothrow_awaitable);
    if (::waitpid(process_, nullptr, WNOHANG) == process_) co_return Error("it exited during the takeover");
    co_return Result<void>();
}

void Upgrade::abandon() {
    if (!channel_.is_open()) return;
    static_cast<void>(send_message(channel_.native_handle(), {"no"})); // it fails if the new process has exited
    // The new process may not be reading the channel yet, or may serve already.
    if (process_ > 0 && (!serves_ || sent_go_)) ::kill(process_, SIGTERM);
    channel_.close();
}

} // namespace weir::proxy
