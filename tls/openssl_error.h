// What OpenSSL says about a failure.
//
// Thread: any; each thread has an error queue of its own.
// Lifetime: keeps nothing.
#pragma once

#include <string>

namespace weir::tls {

// Returns the reason of the last error as text, and empties the thread's error queue.
std::string take_openssl_reason();

} // namespace weir::tls
