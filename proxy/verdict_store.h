// What this machine remembers, in `state_dir`: the last configuration that worked, those that were rolled back, the
// highest fence that took effect, and the newest configuration that was given to its fleet.
//
// Thread: the control thread; the disk is written on a thread of its own.
// Lifetime: as DiskThread's.
#pragma once

#include "conf/known_bad.h"
#include "conf/last_good.h"
#include "lock/fences.h"
#include "proxy/disk_thread.h"
#include "proxy/given_mark.h"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace weir::proxy {

class VerdictStore {
public:
    // Reads what is there.
    VerdictStore(std::string state_dir, const std::string& main_file);

    const conf::BadConfig* find_bad(const std::string& hash) const { return bad_.find(hash); }
    const std::vector<conf::BadConfig>& bad() const { return bad_.all(); }

    // A disk that fails is told in the log: what runs is not the worse for it.
    boost::asio::awaitable<void> record_good(conf::LastGood good);
    boost::asio::awaitable<void> forgive(std::string hash);
    boost::asio::awaitable<void> record_bad(std::string hash, std::string why);

    // The highest fence that this machine has seen; 0 also where it cannot be read.
    boost::asio::awaitable<std::uint64_t> floor() const;
    // Before a configuration takes effect. Why it must not: no fence does that is lower than one that did, and none
    // twice.
    boost::asio::awaitable<std::string> admit(std::uint64_t fence, std::string hash);

    const lock::Fences& fences() const { return fences_; }
    DiskThread& disk() { return disk_; }

    lock::FleetVersion given(const std::string& fleet) const { return GivenMark(state_dir_, fleet).read(); }
    boost::asio::awaitable<void> keep_given(std::string fleet, lock::FleetVersion version);

private:
    DiskThread disk_; // what is written stays in order
    const std::string state_dir_;
    const conf::LastGoodStore good_;
    const lock::Fences fences_;
    conf::KnownBad bad_;
};

} // namespace weir::proxy
