#include "proxy/http1/dropped_fields.h"

#include <random>

namespace weir::proxy::http {

std::uint64_t process_name_key() {
    static const std::uint64_t key = [] {
        std::random_device device;
        return (std::uint64_t{device()} << 32 | device()) % (DroppedFields::key_modulus - 1) + 1;
    }();
    return key;
}

} // namespace weir::proxy::http
