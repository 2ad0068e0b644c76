#include "proxy/cli/child.h"

#include "base/spawn.h"

#include <csignal>
#include <stdexcept>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace weir::proxy::cli {

Child::Child(const std::vector<std::string>& arguments, const std::string& log) {
    std::vector<std::string> all{"weir"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const auto started = spawn({"/proc/self/exe", std::move(all), {}, log});
    if (!started) throw std::runtime_error("cannot start a process of the demo: " + started.error().message());
    id_ = *started;
}

Child::Child(Child&& other) noexcept : id_(std::exchange(other.id_, -1)) {}

Child& Child::operator=(Child&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
}

Child::~Child() { kill(); }

void Child::kill() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    wait();
}

int Child::stop() {
    if (id_ <= 0) return 0;
    ::kill(id_, SIGTERM);
    return wait();
}

int Child::wait() {
    int status = 0;
    ::waitpid(std::exchange(id_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace weir::proxy::cli
