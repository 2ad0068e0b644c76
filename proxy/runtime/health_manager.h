// Owns the health checker and the outlier detector and keeps them in step with the configuration in force. Closes
// connections to backends that go down or are ejected, and keeps the health records that a rollback or a hot restart
// needs.
//
// Thread: the control thread.
// Lifetime: the io_context and the ConnectionCloser must outlive it.
#pragma once

#include "health/monitor/health_checker.h"
#include "health/monitor/outlier_detector.h"
#include "proxy/runtime/connection_closer.h"
#include "proxy/runtime/hot_restart_state.h"
#include "proxy/snapshot/snapshot.h"

#include <boost/asio/io_context.hpp>

#include <set>
#include <vector>

namespace weir::proxy {

class HealthManager final : private health::VerdictListener, private health::EjectionListener {
public:
    HealthManager(boost::asio::io_context& control, ConnectionCloser& connections);

    // Called after `now` has come into force. Watches its backends and those of the standby. If a pool closes the
    // tunnels to backends that are down, and did not do so before, closes the tunnels to its backends that are already
    // down.
    void update(SnapshotPtr now);
    // Ends all checks.
    void stop() { checker_.stop(); }

    // Keeps watching the backends of `previous`, because a rollback may restore it. Null ends the standby.
    void stand_by(SnapshotPtr previous);
    const SnapshotPtr& standby() const { return standby_; }
    // Called before a rollback to the standby: saves its health records for the backends that the configuration in
    // force checks differently.
    void restore();
    // Called after a rollback: returns to service the backends that live traffic has ejected since the change.
    void uneject();

    // Sets the health records of another process, for the first configuration to take over.
    void inherit(std::vector<HealthRecord> notes) { inherited_ = std::move(notes); }
    // Applies the inherited records to the backends of `next`.
    void take_inherited(const Snapshot& next);
    void forget_inherited() { inherited_.clear(); }
    // Returns the health records of the backends of `snapshot`.
    std::vector<HealthRecord> notes(const Snapshot& snapshot) const;

    // Reports that a backend has failed as many requests in a row as its pool allows.
    void report(const balancer::BackendPtr& backend) { outlier_detector_.report(backend); }
    health::HealthChecker& monitor() { return checker_; }
    const health::HealthChecker& monitor() const { return checker_; }
    const health::OutlierDetector& ejector() const { return outlier_detector_; }

private:
    void on_verdict(const balancer::BackendPtr& backend, health::Verdict before, const health::Health& health) override;
    void on_advice(const balancer::BackendPtr& backend, const std::string& advice) override;
    void on_ejection(const balancer::BackendPtr& backend, conf::Duration time) override;
    void on_return(const balancer::BackendPtr& backend) override;
    void watch();
    void close_connections_to(const balancer::BackendPtr& backend);
    void close_tunnels_now(const Snapshot& before);

    ConnectionCloser& connections_;
    health::HealthChecker checker_;
    health::OutlierDetector outlier_detector_;
    SnapshotPtr in_force_, standby_;
    std::vector<HealthRecord> standby_notes_, inherited_;
    std::set<const balancer::Backend*> ejected_before_; // ejected backends of `standby_` at its start
};

} // namespace weir::proxy
