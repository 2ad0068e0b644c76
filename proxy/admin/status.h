// The state of a running weir as JSON, for `weir status --json`.
//
// Thread: the control thread.
// Lifetime: the result owns its data.
#pragma once

#include "base/clock.h"
#include "proxy/reload/reloader.h"

#include <boost/json/fwd.hpp>

#include <string>

namespace weir::proxy::admin {

// Returns the state of the process. `started` is when the admin API was created, as read from `clock`.
boost::json::object status(const Runtime& runtime, const Reloader& reloader, const Clock& clock,
                           Clock::TimePoint started);
// Returns the state of one backend. `now` determines its effective weight during slow start.
boost::json::object backend_status(const Runtime& runtime, const std::string& pool, const std::string& backend,
                                   Clock::TimePoint now);
boost::json::object to_json(const conf::Plan& plan);
boost::json::array to_json(const conf::Description& description);
conf::Description description_from_json(const boost::json::array& items); // throws the exceptions of Boost.JSON

} // namespace weir::proxy::admin
