#include "base/signal_mask.h"
#include "base/spawn.h"
#include "base/unique_fd.h"
#include "tests/catch.h"

#include <csignal>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace weir;

namespace {

// Runs a shell script. Returns its exit status, or the negative signal number if a signal killed it.
int run(const std::string& script, std::optional<Program::Channel> channel = {}) {
    const auto child = spawn({"sh", {"sh", "-c", script}, std::vector<std::string>{"WHO=weir"}, "", channel});
    REQUIRE(child);
    int status = 0;
    REQUIRE(::waitpid(*child, &status, 0) == *child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

} // namespace

TEST_CASE("a program inherits its environment and its channel, nothing above") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0); // deliberately without FD_CLOEXEC
    const UniqueFd reader(ends[0]), writer(ends[1]);
    CHECK(run("[ $WHO = weir ] && echo hello >&3", Program::Channel{writer.get(), 3}) == 0);
    char text[16];
    CHECK(std::string(text, static_cast<std::size_t>(::read(reader.get(), text, sizeof text))) == "hello\n");
    const UniqueFd other(::fcntl(writer.get(), F_DUPFD, 9));
    const auto number = std::to_string(other.get());
    CHECK(run("[ -e /proc/self/fd/" + number + " ]") == 0);
    CHECK(run("[ -e /proc/self/fd/" + number + " ]", Program::Channel{writer.get(), 3}) == 1);
}

TEST_CASE("a program starts with its signals unblocked") {
    block_signals();
    CHECK(run("kill -TERM $$; sleep 60") == -SIGTERM);
    allow_signals();
}

TEST_CASE("a program that does not exist is an error with the reason") {
    const auto child = spawn({"/nowhere/weir", {"weir"}});
    REQUIRE_FALSE(child);
    CHECK(child.error().code() == boost::system::errc::no_such_file_or_directory);
}

TEST_CASE("UniqueFd closes what it owns, when it ends or is assigned to") {
    const int first = ::dup(STDIN_FILENO), second = ::dup(STDIN_FILENO);
    {
        UniqueFd owner(first);
        UniqueFd other(second);
        other = std::move(owner);
        CHECK_FALSE(is_open(second));
        CHECK(other.get() == first);
        CHECK(is_open(first));
    }
    CHECK_FALSE(is_open(first));
    UniqueFd none(-1);
    CHECK_FALSE(none);
}
