#include "conf/base/hash.h"

#include "base/hex.h"

#include <openssl/evp.h>

namespace weir::conf {

std::string sha256_hex(std::string_view bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
    return to_hex({digest, length});
}

} // namespace weir::conf
