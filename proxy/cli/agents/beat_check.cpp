#include "proxy/cli/agents/beat_check.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::proxy::cli {

namespace asio = boost::asio;

asio::awaitable<bool> BeatCheck::run(std::chrono::milliseconds time) {
    if (command_.empty()) co_return true;
    const pid_t child = start();
    if (child <= 0) co_return false;
    const auto end = std::chrono::steady_clock::now() + time;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() >= end) {
            ::kill(-child, SIGKILL);
            ::waitpid(child, &status, 0);
            co_return false;
        }
        timer_.expires_after(std::chrono::milliseconds(5));
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

pid_t BeatCheck::start() {
    const char* argv[] = {"sh", "-c", command_.c_str(), nullptr};
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    pid_t child = -1;
    const int error = ::posix_spawn(&child, "/bin/sh", nullptr, &attributes, const_cast<char**>(argv), environ);
    ::posix_spawnattr_destroy(&attributes);
    return error ? -1 : child;
}

} // namespace weir::proxy::cli
