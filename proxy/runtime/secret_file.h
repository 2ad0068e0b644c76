// Warns of files with secrets that other users of the machine can read.
//
// Thread: any; blocks on the disk.
// Lifetime: keeps nothing.
#pragma once

#include <string>

namespace weir::proxy {

// Who else may read a file: a password's hash may be shared with a group, a key with nobody.
enum class SharedWith { nobody, its_group };

// Logs a warning if more users can read the file than should. `what` is what it is, such as "private key".
void warn_if_open(const char* what, const std::string& path, SharedWith shared = SharedWith::nobody);

} // namespace weir::proxy
