// The denylist: hashes of configurations that were rolled back. A listed configuration is refused until its files
// change or an operator uses --force. The list is stored in `state_dir`, one line per entry: hash, Unix time,
// "fence:N", reason.
//
// Thread: one at a time; reading and saving block on the disk.
// Lifetime: owns its data.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

struct DeniedConfig {
    std::string hash;
    std::int64_t since = 0;  // Unix time
    std::uint64_t fence = 0; // the highest fence that this machine knew at the time
    std::string reason;      // on one line
    // Returns whether the fleet has unbanned the configuration since then. `unbanned` is the fleet's last fence when it
    // did so, or 0 if it never did. Unlike clocks, fences have one order on all machines.
    bool is_unbanned_by(std::uint64_t unbanned) const { return unbanned > 0 && fence <= unbanned; }
    bool operator==(const DeniedConfig&) const = default;
};

class Denylist {
public:
    static constexpr std::size_t max_entries = 100; // older entries are dropped

    // Reads the stored list; a missing one is empty. Malformed lines are skipped, because a damaged list must not
    // prevent a start.
    static Result<Denylist> read(const std::string& state_dir);
    // Parses the stored form, which `text` returns.
    static Denylist parse(std::string_view text);
    std::string text() const;
    Result<void> save(const std::string& state_dir) const;

    // Returns the entry of a configuration; null if it is not listed.
    const DeniedConfig* find(std::string_view hash) const;
    void add(DeniedConfig bad);
    // Removes an entry; returns whether there was one.
    bool forget(std::string_view hash);
    const std::vector<DeniedConfig>& all() const { return all_; }

private:
    std::vector<DeniedConfig> all_; // oldest first
};

} // namespace weir::conf
