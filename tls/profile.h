// The settings that all TLS contexts share: cipher suites, key exchange groups, and how a certificate is put to use.
//
// Thread: pure functions on a context that no other thread uses yet.
// Lifetime: keep nothing.
#pragma once

#include "tls/certificate.h"

#include <string>

namespace weir::tls {

// Sets ciphers, groups, options and modes. `ciphers` is an OpenSSL cipher list for TLS 1.2; if it is empty, AEAD
// ciphers with ephemeral keys are used, AES-128 first. Returns false if OpenSSL does not accept the list.
bool set_profile(SSL_CTX* context, const std::string& ciphers);

// Returns the first word of an OpenSSL cipher list that should add ciphers but names none; empty: there is no such
// word. OpenSSL itself ignores it.
std::string find_unknown_cipher(const std::string& ciphers);

// Makes a context present a certificate with its chain. Returns false if OpenSSL refuses it.
bool use_certificate(SSL_CTX* context, const Certificate& certificate);

} // namespace weir::tls
