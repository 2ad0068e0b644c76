// How configurations did, in `state_dir`: the last one that worked, and those that were rolled back.
//
// Thread: the control thread; the disk is written on a thread of its own.
// Lifetime: the pool must outlive it.
#pragma once

#include "conf/known_bad.h"
#include "conf/last_good.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <string>

namespace weir::proxy {

class VerdictStore {
public:
    // Reads what is there.
    VerdictStore(boost::asio::thread_pool& disk, std::string state_dir, const std::string& main_file);

    const conf::BadConfig* find_bad(const std::string& hash) const { return bad_.find(hash); }
    const std::vector<conf::BadConfig>& bad() const { return bad_.all(); }

    // A disk that fails is told in the log: what runs is not the worse for it.
    boost::asio::awaitable<void> record_good(conf::LastGood good);
    boost::asio::awaitable<void> forgive(std::string hash);
    boost::asio::awaitable<void> record_bad(std::string hash, std::string why);

private:
    boost::asio::thread_pool& disk_;
    const std::string state_dir_;
    const conf::LastGoodStore good_;
    conf::KnownBad bad_;
};

} // namespace weir::proxy
