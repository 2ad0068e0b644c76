// Replaces this process with a new one that is started with the same command line. Covers everything from the signal
// until the new process serves.
//
// Thread: the control thread.
// Lifetime: everything that the constructor takes must outlive it.
#pragma once

#include "base/result.h"
#include "proxy/process/admin_service.h"
#include "proxy/reload/reloader.h"
#include "proxy/runtime/runtime.h"
#include "proxy/upgrade/upgrade.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <set>

namespace weir::proxy {

class Successor {
public:
    Successor(boost::asio::io_context& control, Runtime& runtime, Reloader& reloader, AdminService& admin)
        : control_(control), runtime_(runtime), reloader_(reloader), admin_(admin) {}

    // Starts a new process, hands over to it, and logs the outcome. Returns the descriptors of the listening sockets
    // from which the new process continues to accept. Returns nothing if the new process has not taken over; this
    // process then continues. Must not be called while a replacement is in progress.
    boost::asio::awaitable<std::optional<std::set<int>>> start();
    bool in_progress() const { return upgrade_ != nullptr; }

    // Called when weir stops: tells the new process to stop as well.
    void abandon();

private:
    boost::asio::awaitable<Result<void>> hand_over();
    boost::asio::awaitable<Result<void>> run_upgrade();
    std::set<int> kept_sockets(const Upgrade& upgrade) const;
    void report_failure(const Upgrade& upgrade, const Result<void>& result);

    boost::asio::io_context& control_;
    Runtime& runtime_;
    Reloader& reloader_;
    AdminService& admin_;
    std::unique_ptr<Upgrade> upgrade_; // in progress
    bool stopping_ = false;
};

} // namespace weir::proxy
