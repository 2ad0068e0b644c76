#include "tls/profile.h"

#include <algorithm>

#include <openssl/err.h>

namespace weir::tls {
namespace {

// Mozilla's intermediate list (version 5.7, which has no CBC ciphers) without finite-field Diffie-Hellman.
constexpr const char* usual_ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";

constexpr auto options = SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;

} // namespace

bool set_profile(SSL_CTX* context, const std::string& ciphers) {
    if (SSL_CTX_set_cipher_list(context, ciphers.empty() ? usual_ciphers : ciphers.c_str()) != 1) return false;
    SSL_CTX_set_ciphersuites(context, suites);
    SSL_CTX_set1_groups_list(context, groups);
    SSL_CTX_set_options(context, options);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    return true;
}

std::string find_unknown_cipher(const std::string& ciphers) {
    const SslCtxPtr context(SSL_CTX_new(TLS_method()));
    for (std::size_t begin = 0; context && begin < ciphers.size();) {
        const auto end = std::min(ciphers.find_first_of(": ,;", begin), ciphers.size());
        const auto word = ciphers.substr(begin, end - begin);
        begin = end + 1;
        // Commands such as @STRENGTH and !RC4 add nothing, even if they name what this OpenSSL has never had.
        if (word.empty() || word.find_first_of("@!+-") == 0) continue;
        const bool known = SSL_CTX_set_cipher_list(context.get(), word.c_str()) == 1;
        ERR_clear_error();
        if (!known) return word;
    }
    return {};
}

bool use_certificate(SSL_CTX* context, const Certificate& certificate) {
    auto* const chain = sk_X509_new_null();
    for (const auto& issuer : certificate.issuers()) sk_X509_push(chain, issuer.get());
    const int used = SSL_CTX_use_cert_and_key(context, certificate.leaf(), certificate.key(), chain, 1);
    sk_X509_free(chain);
    return used == 1;
}

} // namespace weir::tls
