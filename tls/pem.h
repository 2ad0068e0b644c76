// Reads certificates and private keys in PEM format.
//
// Thread: pure functions.
// Lifetime: the results own their objects.
#pragma once

#include "base/result.h"
#include "tls/openssl_ptr.h"

#include <string>
#include <vector>

namespace weir::tls {

// The largest certificate or key file that is read.
inline constexpr std::size_t max_pem_bytes = 1024 * 1024;

// Returns the certificates of a text in their order. Fails if there is none, or if one is damaged: without it, a chain
// would be incomplete. `path` is the file that the text was read from, for the errors.
Result<std::vector<X509Ptr>> parse_certificates(const std::string& path, const std::string& text);

// Returns the private key of a text. Fails if there is none, or if it is encrypted.
Result<PkeyPtr> parse_key(const std::string& path, const std::string& text);

} // namespace weir::tls
