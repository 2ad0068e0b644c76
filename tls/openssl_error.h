// Error texts from OpenSSL.
//
// Thread: any; each thread has its own error queue.
// Lifetime: keeps nothing.
#pragma once

#include <string>

namespace weir::tls {

// Returns the reason of the last error as text, and empties the thread's error queue.
std::string take_openssl_reason();

} // namespace weir::tls
