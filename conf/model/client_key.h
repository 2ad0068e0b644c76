// Which part of a request identifies its client: "client_ip", "header:NAME" or "cookie:NAME"; or "request", if each
// request stands for itself.
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace weir::conf {

struct ClientKey {
    enum class Kind { request, client_ip, header, cookie };
    Kind kind = Kind::client_ip;
    std::string name; // of the header or cookie
    bool operator==(const ClientKey&) const = default;
};

// Parses a key. An error lists the forms.
Result<ClientKey> parse_client_key(std::string_view text);
std::string format(const ClientKey& key);

} // namespace weir::conf
