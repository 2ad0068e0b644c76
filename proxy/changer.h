// One change of the configuration, from the file to the verdict, under the lock, all or nothing:
//
//   load ─→ plan ─→ acquire the lock ─→ load again ─→ apply ─→ watch ─→ record ─→ release
//     │ errors, known to be bad, or a restart is needed:          │ worse: the one before comes back
//     ↓ refused, nothing is touched                               ↓ and this one is known to be bad
//
// Its turn is turn_taker.h's affair, what comes from the apply on is trial.h's.
//
// Thread: the control thread; files are read on one thread of their own, and written on another.
// Lifetime: what runs must outlive it.
#pragma once

#include "conf/load.h"
#include "lock/acquire.h"
#include "proxy/config_reader.h"
#include "proxy/fleet.h"
#include "proxy/reload_report.h"
#include "proxy/running.h"
#include "proxy/trial.h"
#include "proxy/turn_taker.h"
#include "proxy/verdict_store.h"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>

namespace weir::proxy {

// Whether a configuration that is known to be bad is tried again.
enum class Insist { no, yes };

class Changer {
public:
    // `on_files` is told what to watch after each configuration that was read. `state_dir` is fixed from here on.
    Changer(boost::asio::io_context& control, Running& running, std::string path, const std::string& state_dir,
            ConfigReader::OnFiles on_files);

    // The first configuration: it needs no lock. Returns what is wrong with it; empty: it is in force.
    boost::asio::awaitable<std::vector<std::string>> start(conf::Loaded loaded);

    boost::asio::awaitable<conf::Loaded> load();
    // Whether a configuration that is given as texts could be put in force here, and what it would change.
    boost::asio::awaitable<ReloadReport> examine(std::vector<conf::SourceFile> files);
    boost::asio::awaitable<ReloadReport> change(conf::Loaded first, std::string trigger, Insist insist);
    // An operator wants a configuration to be tried again: what is known against it here is forgotten.
    boost::asio::awaitable<void> forgive(std::string hash) { return store_.forgive(std::move(hash)); }
    // Weir is stopping: nothing is applied any more, and nothing is watched.
    void close(Presence presence) {
        trial_.close();
        fleet_.stop(presence);
    }
    // Whether the disks have done what they were asked to; waits a little for that, and blocks meanwhile.
    bool comes_to_rest();
    // Told when a newer configuration was given to the fleet that this machine takes its own from.
    void on_given(std::function<void()> told) { on_given_ = std::move(told); }

    const std::string& path() const { return reader_.path(); }
    std::string hash_in_force() const { return now_.snapshot() ? now_.snapshot()->hash : ""; }
    const std::string& seen_hash() const { return seen_hash_; } // of the files as they were read last
    bool holds_lock() const { return holds_lock_; }
    const VerdictStore& store() const { return store_; }
    const WatchWindow& window() const { return trial_.window(); }
    Fleet& fleet() { return fleet_; }
    const Fleet& fleet() const { return fleet_; }

private:
    // Once under the lock. Says whether it has to be tried again.
    enum class Again { no, yes };
    boost::asio::awaitable<void> try_until_through(conf::Loaded first, ReloadReport& report, Insist insist);
    boost::asio::awaitable<Again> try_change(conf::Loaded first, ReloadReport& report, Insist insist);
    boost::asio::awaitable<Again> change_locked(conf::Loaded first, ReloadReport& report, Insist insist,
                                                const lock::Keeper* keeper);
    boost::asio::awaitable<Again> announce(ReloadReport& report, const lock::Keeper& keeper);
    boost::asio::awaitable<void> settle(const ReloadReport& report);
    boost::asio::awaitable<void> learn_of_forgiveness(std::string hash);
    bool refuse_early(const conf::Loaded& loaded, Insist insist, ReloadReport& report);
    void judge(const conf::Loaded& loaded, Insist insist, ReloadReport& report) const;
    conf::ConfigSource source() const;
    lock::FleetMember describe_self() const;
    Fleet::About about_self();

    boost::asio::io_context& control_;
    Running& now_;
    VerdictStore store_;
    Fleet fleet_;
    ConfigReader reader_;
    Trial trial_;
    TurnTaker turns_;
    std::function<void()> on_given_;
    std::pair<std::string, std::string> refused_; // the last configuration, by its hash, and why; empty: it was not
    std::string seen_hash_;
    bool holds_lock_ = false;
};

} // namespace weir::proxy
