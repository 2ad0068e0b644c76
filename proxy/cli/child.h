// A child process of the demo's, which ends with it.
//
// Thread: the main thread.
// Lifetime: the process is killed and waited for when this goes.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace weir::proxy::cli {

class Child {
public:
    Child() = default;
    // Starts this very program with other arguments. Its output goes to `log`.
    Child(const std::vector<std::string>& arguments, const std::string& log);
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    ~Child();

    void kill(); // at once, as if the machine had gone
    int stop();  // asks it to end, and waits; its exit code
    pid_t id() const { return id_; }

private:
    int wait();

    pid_t id_ = -1;
};

} // namespace weir::proxy::cli
