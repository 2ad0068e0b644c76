// A child process of the demo, which is killed together with its Child object.
//
// Thread: the main thread.
// Lifetime: the destructor kills the process and waits for it.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace weir::proxy::cli {

class Child {
public:
    Child() = default;
    // Starts this program with other arguments and writes its output to `log`.
    Child(const std::vector<std::string>& arguments, const std::string& log);
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    ~Child();

    void kill(); // with SIGKILL, like a crash of the machine
    int stop();  // with SIGTERM; waits and returns the exit code
    pid_t id() const { return id_; }

private:
    int wait();

    pid_t id_ = -1;
};

} // namespace weir::proxy::cli
