#include "proxy/cli/agents/beat_check.h"

#include "base/spawn.h"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

namespace weir::proxy::cli {

namespace asio = boost::asio;

asio::awaitable<bool> BeatCheck::run(std::chrono::milliseconds time) {
    if (command_.empty()) co_return true;
    const pid_t child = start();
    if (child <= 0) co_return false;
    const auto end = timer_.now() + time;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        if (timer_.now() >= end) {
            ::kill(-child, SIGKILL);
            ::waitpid(child, &status, 0);
            co_return false;
        }
        timer_.expires_after(std::chrono::milliseconds(5));
        co_await timer_.wait();
    }
    co_return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

pid_t BeatCheck::start() {
    const auto child = spawn({"/bin/sh", {"sh", "-c", command_}, {}, "", {}, ProcessGroup::own});
    return child ? *child : -1;
}

} // namespace weir::proxy::cli
