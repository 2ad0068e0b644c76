// What is in force: connects the configuration, the workers, the health checks and the logs.
//
// Thread: the control thread.
// Lifetime: lives as long as the process serves.
#pragma once

#include "base/async_mutex.h"
#include "conf/base/config_error.h"
#include "proxy/runtime/certificate_store.h"
#include "proxy/runtime/connection_reaper.h"
#include "proxy/runtime/data_plane.h"
#include "proxy/runtime/health_manager.h"
#include "proxy/runtime/heartbeat_receiver.h"
#include "proxy/runtime/host_resolver.h"
#include "proxy/runtime/hot_restart_state.h"
#include "proxy/runtime/override_store.h"
#include "proxy/snapshot/snapshot_builder.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <string>
#include <vector>

namespace weir::proxy {

// What applying a configuration would meet and change, besides what the configuration itself says.
struct ApplyPreview {
    std::vector<conf::Problem> obstacles; // they would prevent it
    std::vector<FileChange> files; // certificates and other files that the configuration names, if they have changed
};

enum class RenewedFiles { tls, pages_and_users };

class Runtime final : private AddressListener, private AgentOverrideListener, private ErrorListener {
public:
    // Process settings are fixed at construction.
    Runtime(boost::asio::io_context& control, const conf::Process& process);
    ~Runtime() override;

    // Sets the state of the old process; called before the first `apply`.
    void inherit(HotRestartState handover);
    // Returns the state for a new process: the sockets, the health records and the runtime overrides.
    HotRestartState hand_over() const;

    // Resolves the host names of a configuration that are not known yet, which may take seconds. Returns a problem for
    // each name that cannot be resolved. A later `apply` then does not wait for the names.
    boost::asio::awaitable<std::vector<conf::Problem>> find_names(const conf::Config& config);
    // Returns the resolved hosts. `forget_names` drops the hosts that the configuration in force does not use.
    const AddressBook& addresses() const { return names_.addresses(); }
    void forget_names() { names_.watch({&snapshot_->config}); }
    // Returns what would happen if a valid configuration were applied now. It resolves the host names and briefly binds
    // the new addresses without listening; nothing else changes.
    boost::asio::awaitable<ApplyPreview> preview(const conf::Config& config);
    // Applies a valid configuration atomically. Returns the problems that prevented it; empty on success.
    boost::asio::awaitable<std::vector<conf::Problem>> apply(conf::Config config, std::string hash);
    // Restores the configuration of an earlier snapshot, with the TLS contexts and heartbeat tokens that were loaded at
    // that time. Does not read its files again. Returns the problems that prevented it; empty on success.
    boost::asio::awaitable<std::vector<conf::Problem>> restore(SnapshotPtr earlier);

    // Reads files of the configuration in force again, and uses them at once. Returns the problems that prevented it;
    // empty on success.
    boost::asio::awaitable<std::vector<conf::Problem>> renew_files(RenewedFiles which);

    // Sets a runtime override for a backend, or for all addresses of its host name; it persists across reloads until it
    // is cleared. Returns false if there is no such backend. Completes when every worker uses it.
    boost::asio::awaitable<bool> set_override(std::string pool, std::string backend,
                                              std::function<void(Override&)> edit);
    const RuntimeOverrides& adjustments() const { return overrides_.all(); }
    // Called when a change is final: drops the overrides of backends that are not in the configuration.
    void end_overrides() { overrides_.drop_ended(snapshot_->config); }
    // Handles a heartbeat, as HeartbeatReceiver::take does.
    HeartbeatAnswer take_heartbeat(std::string_view body) { return beats_.take(body); }

    // Keeps watching the backends of the previous configuration, because a rollback may restore it. Null ends this.
    void stand_by(SnapshotPtr previous);
    // Called before a rollback: restores the health records of the previous configuration's backends.
    void restore_health() { health_.restore(); }
    // Called after a rollback: returns to service the backends that were ejected since the change.
    void uneject() { health_.uneject(); }

    // Returns the configuration in force; null before the first `apply`.
    const SnapshotPtr& snapshot() const { return snapshot_; }
    const HealthManager& health() const { return health_; }
    DataPlane& data_plane() { return data_plane_; }
    const std::vector<WorkerCounters>& counters() const { return data_plane_.counters(); }
    const BodyStorage& bodies() const { return data_plane_.bodies(); }
    const log::AccessLog& access_log() const { return data_plane_.access_log(); }
    // Ends all connections and all background work.
    void stop();

private:
    LoadedFiles read_files(const conf::Config& config, std::vector<conf::Problem>& problems) const;
    boost::asio::awaitable<std::vector<conf::Problem>> switch_to(conf::Config config, std::string hash,
                                                                 LoadedFiles files, std::vector<conf::Problem> errors);
    boost::asio::awaitable<void> adopt(SnapshotPtr next);
    boost::asio::awaitable<void> rebuild(LoadedFiles files);
    void rebuild_soon();
    BuildInputs build_inputs(LoadedFiles files) const;
    void on_addresses_changed() override;
    void on_agent_override(const balancer::BackendPtr& backend, const Override& agent_override) override;
    void on_consecutive_errors(const balancer::BackendPtr& backend) override;

    boost::asio::io_context& control_;
    DataPlane data_plane_;
    SnapshotBuilder builder_;
    OverrideStore overrides_;
    HostResolver names_;
    CertificateStore certificates_;
    SnapshotPtr snapshot_;
    AsyncMutex mutex_; // serialises changes of the snapshot
    HealthManager health_;
    HeartbeatReceiver beats_;
    ConnectionReaper reaper_;
    bool rebuild_asked_ = false;
};

} // namespace weir::proxy
