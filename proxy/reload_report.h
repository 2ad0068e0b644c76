// How a reload ended.
//
// Thread: values.
// Lifetime: own what they hold.
#pragma once

#include "conf/plan.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::proxy {

enum class ReloadVerdict {
    applied,     // the new configuration is in force
    unchanged,   // the file means what is in force already
    refused,     // nothing was changed
    rolled_back, // it made things worse: the one before it is in force again
    stuck,       // it made things worse, and the one before it cannot be brought back
};

struct ReloadReport {
    ReloadVerdict verdict = ReloadVerdict::unchanged;
    std::vector<std::string> errors; // why it was refused or rolled back
    conf::Plan plan;                 // what it changed, or would have
    std::string trigger;             // "signal", "watch", "command", "fleet", "start"
    std::string hash;
    std::uint64_t fence = 0; // 0: no lock was taken
    bool lock_failed = false;
    bool for_now = false; // what stood in the way may be gone the next time
    std::chrono::milliseconds took{0};
    std::chrono::system_clock::time_point at = std::chrono::system_clock::now();

    bool is_success() const { return verdict == ReloadVerdict::applied || verdict == ReloadVerdict::unchanged; }
    void refuse_for_now(std::string why) {
        for_now = true;
        refuse(std::move(why));
    }
    void refuse(std::string why) {
        verdict = ReloadVerdict::refused;
        errors.push_back(std::move(why));
    }
};

} // namespace weir::proxy
