// Watches the configuration that weir started with, and records it as the last good one when it has passed its window.
//
// A change interrupts this. If the change is rolled back, the start configuration is watched again.
//
// Thread: the control thread; another thread writes to the disk.
// Lifetime: the constructor's arguments must outlive it.
#pragma once

#include "conf/store/last_good.h"
#include "proxy/reload/canary_window.h"
#include "proxy/reload/state_store.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>

namespace weir::proxy {

class StartWatch {
public:
    StartWatch(boost::asio::io_context& control, const Runtime& runtime, StateStore& store)
        : control_(control), runtime_(runtime), store_(store) {}

    // Begins to watch `started`, which is in force.
    void begin(conf::LastGood started);
    // Stops watching, because another configuration is in force now or weir is stopping.
    void interrupt();
    // Watches the start configuration again, because it is in force again. Does nothing if its verdict is known or no
    // longer matters.
    void resume();
    // Forgets the start configuration, because another configuration is final.
    void forget() { started_.reset(); }

private:
    boost::asio::awaitable<void> watch(std::shared_ptr<CanaryWindow> window, conf::LastGood started);

    boost::asio::io_context& control_;
    const Runtime& runtime_;
    StateStore& store_;
    std::optional<conf::LastGood> started_; // until its verdict
    std::shared_ptr<CanaryWindow> window_;  // the last one; null before the first
};

} // namespace weir::proxy
