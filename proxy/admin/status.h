// The state of a running weir as JSON: what `weir status --json` prints.
//
// Thread: the control thread.
// Lifetime: the result owns its texts.
#pragma once

#include "proxy/reloader.h"

#include <boost/json/fwd.hpp>

#include <string>

namespace weir::proxy::admin {

boost::json::object status(const Running& running, const Reloader& reloader,
                           std::chrono::system_clock::time_point started);
boost::json::object backend_status(const Running& running, const std::string& pool, const std::string& backend);
boost::json::object to_json(const ReloadReport& report);
boost::json::object to_json(const conf::Plan& plan);
boost::json::array to_json(const conf::Description& description);
conf::Description description_from_json(const boost::json::array& items); // throws what Boost.JSON throws

} // namespace weir::proxy::admin
