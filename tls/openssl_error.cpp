#include "tls/openssl_error.h"

#include <openssl/err.h>

namespace weir::tls {

std::string take_openssl_reason() {
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "unknown error";
}

} // namespace weir::tls
