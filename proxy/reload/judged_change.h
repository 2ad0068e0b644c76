// A configuration that was read, judged against the one in force. Every later step of a change starts from it.
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
    Refusal refusal; // empty if it may continue to the next step
    bool is_refused() const { return !refusal.empty(); }
};

// Judges a configuration by what is known without the lock and without other machines: its errors, changes that need a
// restart, and `denied`, its entry on this machine's denylist (null if it has none). The entry does not matter if the
// change is forced, or if the configuration is already in force.
JudgedChange judge(conf::Loaded loaded, const Snapshot& in_force, const conf::DeniedConfig* denied, Force force);

// Returns the report of a change that ends here: refused, or without any effect so far.
ReloadReport report_of(const JudgedChange& change);

} // namespace weir::proxy
