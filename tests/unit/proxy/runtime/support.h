// Shared by the tests of the runtime: configurations of one pool, their snapshots, and a ConnectionCloser that records
// what it is asked to close.
//
// Thread: the test's.
// Lifetime: values.
#pragma once

#include "proxy/runtime/connection_closer.h"
#include "proxy/snapshot/snapshot_builder.h"
#include "tests/catch.h"

#include <string>
#include <utility>
#include <vector>

namespace weir::tests {

// Returns a configuration with the pool "web", whose backends have these names and addresses, behind the listener "in".
inline conf::Config config_with(const std::vector<std::pair<std::string, std::string>>& backends) {
    conf::Config config;
    auto& pool = config.pools.emplace_back();
    pool.name = "web";
    for (const auto& [name, address] : backends) {
        auto& backend = pool.backends.emplace_back();
        backend.name = name;
        backend.address = *conf::BackendAddress::parse(address);
    }
    auto& listener = config.listeners.emplace_back();
    listener.name = "in";
    listener.address = *conf::Address::parse("127.0.0.1:1");
    listener.pool = "web";
    return config;
}

class NotedClosings final : public proxy::ConnectionCloser {
public:
    // Returns what was closed since the last call, as in "idle b0, tunnels b0, cut b1, cut in//web".
    std::string take() { return std::exchange(closed_, {}); }

    void close_idle_to(const balancer::BackendPtr& backend) override { note("idle " + backend->name()); }
    void cut_tunnels_to(const balancer::BackendPtr& backend) override { note("tunnels " + backend->name()); }
    void cut(const balancer::BackendPtr& backend) override { note("cut " + backend->name()); }
    void cut(const proxy::TrafficPath& path) override {
        note("cut " + path.listener + "/" + path.route + "/" + path.pool);
    }

private:
    void note(const std::string& what) { closed_ += (closed_.empty() ? "" : ", ") + what; }

    std::string closed_;
};

// Applies configurations one after the other, and records what they make weir close.
class AppliedConfigs {
public:
    // Builds the snapshot of the next configuration. Returns the previous snapshot.
    proxy::SnapshotPtr build(const conf::Config& config) {
        return std::exchange(snapshot, builder_.build(config, "", {}, snapshot));
    }

    NotedClosings closings;
    proxy::SnapshotPtr snapshot; // the latest snapshot

private:
    proxy::SnapshotBuilder builder_{1, nullptr};
};

} // namespace weir::tests
