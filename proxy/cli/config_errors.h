// Prints what is wrong with a configuration.
//
// Thread: the main thread.
// Lifetime: keeps nothing.
#pragma once

#include "conf/read/load.h"

#include <iostream>

namespace weir::proxy::cli {

// Prints one line per error; nothing if there is none.
inline void print_errors(const conf::Loaded& loaded) {
    for (const auto& error : loaded.errors) std::cerr << error.text() << "\n";
}

} // namespace weir::proxy::cli
