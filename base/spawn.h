// Starts programs.
//
// Thread: any.
// Lifetime: the caller waits for the child with waitpid.
#pragma once

#include "base/result.h"

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace weir {

enum class ProcessGroup { inherited, own };

struct Program {
    // A descriptor that the child inherits as number `number`. Every descriptor above that number is closed.
    struct Channel {
        int descriptor, number;
    };

    std::string path;                                         // looked up in PATH if it contains no slash
    std::vector<std::string> arguments;                       // the first one is the name of the program
    std::optional<std::vector<std::string>> environment = {}; // "NAME=value"; absent: that of this process
    std::string output = {}; // a file that stdout and stderr are appended to; empty: inherited
    std::optional<Channel> channel = {};
    ProcessGroup group = ProcessGroup::inherited;
};

// Starts a program with all signals unblocked, whatever this thread blocks. Returns its process id. An error has the
// code that posix_spawn returned.
Result<pid_t> spawn(Program program);

} // namespace weir
