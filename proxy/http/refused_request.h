// Reads what it can from a head that is not a legal request: method, target, host and the client that a trusted proxy
// names. The result is used for the logs only; weir never acts on it.
//
// Thread: pure functions.
// Lifetime: the texts point into the bytes.
#pragma once

#include "conf/model/address_blocks.h"
#include "proxy/log/access_line.h"

#include <optional>
#include <string_view>

namespace weir::proxy::http {

// Returns what can be read: the method is empty if the first line does not begin with one, and the version is `none` if
// there is none. Takes time linear in the number of bytes, whatever they are.
log::RequestTexts read_refused_request(std::string_view bytes);

// Returns the client that a head from a trusted proxy names in its complete lines, as find_client() does for a legal
// head; unset if there is none. A head that was cut off may lack the end of the chain.
std::optional<conf::Address> find_refused_client(std::string_view bytes, const conf::AddressBlocks& trusted);

} // namespace weir::proxy::http
