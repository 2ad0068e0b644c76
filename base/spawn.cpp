#include "base/spawn.h"

#include <csignal>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

namespace weir {
namespace {

class Actions {
public:
    explicit Actions(const Program& program) {
        ::posix_spawn_file_actions_init(&actions_);
        if (!program.output.empty()) {
            ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, program.output.c_str(),
                                               O_WRONLY | O_CREAT | O_APPEND, 0600);
            ::posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
        }
        if (program.channel) {
            ::posix_spawn_file_actions_adddup2(&actions_, program.channel->descriptor, program.channel->number);
            ::posix_spawn_file_actions_addclosefrom_np(&actions_, program.channel->number + 1);
        }
    }
    ~Actions() { ::posix_spawn_file_actions_destroy(&actions_); }
    Actions(const Actions&) = delete;
    Actions& operator=(const Actions&) = delete;
    const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
    posix_spawn_file_actions_t actions_;
};

class Attributes {
public:
    explicit Attributes(ProcessGroup group) {
        sigset_t none;
        sigemptyset(&none);
        ::posix_spawnattr_init(&attributes_);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        const bool own = group == ProcessGroup::own;
        if (own) ::posix_spawnattr_setpgroup(&attributes_, 0);
        const int flags = POSIX_SPAWN_SETSIGMASK | (own ? POSIX_SPAWN_SETPGROUP : 0);
        ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
    }
    ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    const posix_spawnattr_t* get() const { return &attributes_; }

private:
    posix_spawnattr_t attributes_;
};

// Returns an argument array for exec: pointers into `texts`, followed by a null pointer.
std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

} // namespace

Result<pid_t> spawn(Program program) {
    const Actions actions(program);
    const Attributes attributes(program.group);
    const auto arguments = pointers(program.arguments);
    std::vector<char*> own;
    if (program.environment) own = pointers(*program.environment);
    pid_t child = -1;
    const int error = ::posix_spawnp(&child, program.path.c_str(), actions.get(), attributes.get(), arguments.data(),
                                     program.environment ? own.data() : environ);
    if (error != 0) return boost::system::error_code(error, boost::system::system_category());
    return child;
}

} // namespace weir
