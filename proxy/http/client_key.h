// The client key of a request, as a route's configuration defines it.
//
// Thread: pure function.
// Lifetime: the result points into the request.
#pragma once

#include "conf/model/client_key.h"
#include "proxy/snapshot/route_conditions.h"

#include <string_view>

namespace weir::proxy::http {

// Returns the value of the header or cookie that identifies the client of a request. If the request does not have
// exactly one, or if weir does not believe it, returns an empty text: the client is then known by its address.
std::string_view find_client_key(const conf::ClientKey& key, const RoutedRequest& request);

} // namespace weir::proxy::http
