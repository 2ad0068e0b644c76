// A configuration that was read, judged against the one in force. It is what every later step of a change starts from.
//
// Thread: pure functions and values.
// Lifetime: values that own their data.
#pragma once

#include "conf/plan/plan.h"
#include "conf/read/load.h"
#include "conf/store/denylist.h"
#include "proxy/reload/force.h"
#include "proxy/reload/refusal.h"
#include "proxy/reload/reload_report.h"
#include "proxy/snapshot/snapshot.h"

namespace weir::proxy {

struct JudgedChange {
    conf::Loaded loaded;
    conf::Plan plan; // what it changes; empty also if the configuration has errors
    Refusal refusal; // empty if it may go on to the next step
    bool is_refused() const { return !refusal.empty(); }
};

// Judges a configuration by what is known without the lock and without other machines: its errors, changes that need a
// restart, and its entry on this machine's denylist, if it has one (null: none). An entry does not matter if the change
// is forced, or if the configuration is in force already.
JudgedChange judge(conf::Loaded loaded, const Snapshot& in_force, const conf::DeniedConfig* denied, Force force);

// Returns the report of a change that ends here: refused, or without any effect so far.
ReloadReport report_of(const JudgedChange& change);

} // namespace weir::proxy
