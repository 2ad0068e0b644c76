// An IP address as text, stored without an allocation. A request needs one if a trusted proxy names its client.
//
// Thread: values.
// Lifetime: owns its text.
#pragma once

#include "conf/model/address.h"

#include <string_view>

#include <arpa/inet.h>

namespace weir::conf {

class IpText {
public:
    IpText() = default;
    explicit IpText(const Address& address) {
        ::inet_ntop(address.family(), address.bytes().data(), text_, sizeof text_); // empty if unset
    }

    std::string_view view() const { return text_; }

private:
    char text_[INET6_ADDRSTRLEN] = "";
};

} // namespace weir::conf
