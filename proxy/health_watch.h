// The health of what runs: the monitor and the ejector, kept in step with the configuration in force, and what is known
// of backends while one configuration may still give way to the one before it, or one process to another.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive it.
#pragma once

#include "health/ejector.h"
#include "health/monitor.h"
#include "proxy/handover.h"
#include "proxy/snapshot.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <set>
#include <vector>

namespace weir::proxy {

class HealthWatch {
public:
    // A backend is out: idle connections to it are to be closed.
    using OnOut = std::function<void(const balancer::BackendPtr&)>;

    HealthWatch(boost::asio::io_context& control, OnOut on_out);

    // Watches the backends of what is in force, and of what stands by.
    void update(const Snapshot& now);
    void stop() { monitor_.stop(); }

    // Goes on to watch what `previous` uses though the next one may not: it may come back. Null ends it.
    void stand_by(SnapshotPtr previous, const Snapshot& now);
    const SnapshotPtr& standby() const { return standby_; }
    // When that one comes back: what was known of its backends when it went, for those that are checked in another way
    // `now`.
    void restore(const Snapshot& now);
    // When it is back: whoever live traffic has put out meanwhile serves again.
    void pardon(const Snapshot& now);

    // What another process knew, until the first configuration takes it over.
    void inherit(std::vector<HealthNote> notes) { inherited_ = std::move(notes); }
    void take_inherited(const Snapshot& next);
    void forget_inherited() { inherited_.clear(); }
    std::vector<HealthNote> notes(const Snapshot& snapshot) const;

    // Live traffic has seen too many errors in a row.
    void report(const balancer::BackendPtr& backend) { ejector_.report(backend); }
    health::Monitor& monitor() { return monitor_; }
    const health::Monitor& monitor() const { return monitor_; }
    const health::Ejector& ejector() const { return ejector_; }

private:
    void on_verdict(const balancer::BackendPtr& backend, health::Verdict before, const health::Health& health);
    void on_ejection(const balancer::BackendPtr& backend, conf::Duration time);

    OnOut on_out_;
    health::Monitor monitor_;
    health::Ejector ejector_;
    SnapshotPtr standby_;
    std::vector<HealthNote> standby_notes_, inherited_;
    std::set<const balancer::Backend*> ejected_before_; // of `standby_`, when it went
};

} // namespace weir::proxy
