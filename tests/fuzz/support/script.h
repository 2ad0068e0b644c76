// Plays an input of a fuzz target as a script of what a client and backends do: an operation, a number, and for some
// operations that many bytes.
//
// Thread: one.
// Lifetime: keeps nothing.
#pragma once

#include "tests/fuzz/support/memory_io.h"
#include "tests/fuzz/support/memory_worker.h"

#include <string_view>

namespace weir::script {

// Lets the client and the backend that was connected to last send bytes or whole messages, end, reset, stop reading, or
// wait. The worker handles everything after each operation.
void play(memory_io::MemoryWorker& bench, memory_io::Wire& client, std::string_view script);

// Ends the client and waits longer than any timeout. Returns what is left that should not be; null: nothing.
const char* end_all(memory_io::MemoryWorker& bench, memory_io::Wire& client);

} // namespace weir::script
