// Reports what a reload would do, as far as that is known without changing anything.
//
// Thread: the control thread.
// Lifetime: values.
#pragma once

#include "conf/model/config.h"
#include "proxy/fleet/fleet_agent.h"
#include "proxy/fleet/reload_lock.h"
#include "proxy/reload/reload_report.h"
#include "proxy/snapshot/override_fates.h"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <vector>

namespace weir::proxy {

struct ReloadPreview {
    ReloadReport report;                 // `applied` if no obstacle is known
    bool is_denylisted = false;          // it would be refused without --force
    std::vector<OverrideFate> overrides; // what the reload does to operators' overrides
    std::vector<std::string> notes;      // what else an operator should know, in sentences
};

// Checks whether the lock could be acquired now: adds a note with its holder, and refuses the change if its servers do
// not answer and the policy requires them. `advice` is appended to that refusal.
boost::asio::awaitable<void> preview_lock(ReloadPreview& preview, FleetAgent& fleet, ReloadLock& lock,
                                          const conf::LockSettings& settings, const std::string& advice);

// Describes the effect of a restart on clients, in a sentence.
std::string restart_note(const conf::Process& process);

// Whether two paths name the same file, compared as text only.
bool is_same_path(const std::string& a, const std::string& b);

} // namespace weir::proxy
