// What this machine remembers in `state_dir`: the last good configuration, the denylist, the highest fence that took
// effect, and the newest version pushed to its fleet.
//
// Thread: the control thread; a thread of its own writes to the disk.
// Lifetime: as for BlockingThread.
#pragma once

#include "base/blocking_thread.h"
#include "base/result.h"
#include "conf/store/denylist.h"
#include "conf/store/last_good.h"
#include "lock/lease/async_fence_store.h"
#include "proxy/fleet/pushed_version.h"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace weir::proxy {

class StateStore {
public:
    // Reads the stored state.
    StateStore(std::string state_dir, const std::string& main_file);

    const conf::DeniedConfig* find_bad(const std::string& hash) const { return bad_.find(hash); }
    const std::vector<conf::DeniedConfig>& bad() const { return bad_.all(); }

    // The next three functions log disk errors and continue, because the running configuration does not depend on the
    // disk.
    boost::asio::awaitable<void> record_good(conf::LastGood good);
    boost::asio::awaitable<void> unban(std::string hash);
    boost::asio::awaitable<void> record_bad(std::string hash, std::string reason);

    // Returns the highest fence that this machine has seen; 0 also if it cannot be read.
    boost::asio::awaitable<std::uint64_t> fence_watermark() const;
    // Called before a change takes effect. Fails if the change must be refused: fences must rise with each change.
    boost::asio::awaitable<Result<void>> admit(std::uint64_t fence, std::string hash);

    const lock::AsyncFenceStore& fences() const { return fences_; }
    BlockingThread& disk() { return disk_; }

    // Returns the newest version pushed to the fleet; its number is 0 if there is none.
    lock::FleetVersion pushed(const std::string& fleet) const { return PushedVersion(state_dir_, fleet).read(); }
    boost::asio::awaitable<void> store_pushed(std::string fleet, lock::FleetVersion version);

private:
    BlockingThread disk_; // keeps writes in order
    const std::string state_dir_;
    const conf::LastGoodStore good_;
    const lock::AsyncFenceStore fences_;
    conf::Denylist bad_;
};

} // namespace weir::proxy
