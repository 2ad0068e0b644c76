// What caused a reload.
//
// Thread: values.
// Lifetime: values.
#pragma once

#include <string_view>

namespace weir::proxy {

enum class ReloadTrigger {
    none,    // nothing: a preview
    start,   // the first configuration
    signal,  // SIGHUP
    watch,   // a changed file (reload.watch)
    command, // the admin API, such as weir reload
    fleet,   // a pushed version
    upgrade, // files that changed around a hot restart
    retry,   // an attempt that ended with an internal error
};

// Returns the word for a trigger in the status and in reports; empty for `none`.
constexpr std::string_view to_word(ReloadTrigger trigger) {
    switch (trigger) {
    case ReloadTrigger::none: break;
    case ReloadTrigger::start: return "start";
    case ReloadTrigger::signal: return "signal";
    case ReloadTrigger::watch: return "watch";
    case ReloadTrigger::command: return "command";
    case ReloadTrigger::fleet: return "fleet";
    case ReloadTrigger::upgrade: return "upgrade";
    case ReloadTrigger::retry: return "retry";
    }
    return "";
}

} // namespace weir::proxy
