// Lets OpenSSL sessions use weir's own transports.
//
// Thread: any.
// Lifetime: a method lives as long as the process.
#pragma once

#include <cstddef>

#include <openssl/bio.h>
#include <openssl/ssl.h>

namespace weir::tls {

using BioRead = int (*)(BIO*, char*, std::size_t, std::size_t*);
using BioWrite = int (*)(BIO*, const char*, std::size_t, std::size_t*);
using BioControl = long (*)(BIO*, int, long, void*);

// Makes a BIO method from its callbacks (BIO_meth_new(3)). The method is never freed, so make each one only once.
const BIO_METHOD* make_bio_method(const char* name, BioRead read, BioWrite write, BioControl control);

// Lets a session read and write through `method`, whose callbacks find `data` with BIO_get_data.
void use_bio(SSL* session, const BIO_METHOD* method, void* data);

} // namespace weir::tls
