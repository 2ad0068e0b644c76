// One worker over in-memory sockets, as its connections see it. All backends are up.
//
// Thread: one.
// Lifetime: its connections must end before it is destroyed.
#pragma once

#include "proxy/http/session.h"
#include "proxy/snapshot/snapshot_builder.h"
#include "tests/fuzz/support/memory_io.h"

namespace weir::memory_io {

class IgnoredEvents final : public proxy::WorkerEvents {
    void on_client_left() override {}
    void on_errors(const balancer::BackendPtr&) override {}
};

struct MemoryWorkerParts { // what a WorkerContext needs for its construction
    proxy::log::AccessLog log_parts{1};
    proxy::WorkerCounters counters_parts;
    IgnoredEvents events_parts;
    proxy::auth::PasswordChecker passwords_parts{1, 1};
    proxy::BodyStorage bodies_parts{"/tmp"};
};

class MemoryWorker final : private MemoryWorkerParts, public proxy::WorkerContext {
public:
    // Clients connect to the first listener.
    explicit MemoryWorker(conf::Config config)
        : WorkerContext(0, log_parts, counters_parts, events_parts, passwords_parts, bodies_parts) {
        reload(std::move(config));
    }

    void reload(conf::Config config) {
        const auto snapshot = builder_.build(std::move(config), "hash", {}, view ? view->snapshot : nullptr);
        for (const auto& pool : snapshot->pools)
            for (const auto& member : pool->members) member.backend->set_verdict(balancer::Verdict::up);
        view = views.build(snapshot, view);
        listener_->spec = snapshot->listeners[0];
        listener_->view = view;
    }

    int connect_client() {
        const int client = make_wire();
        auto session = std::make_unique<proxy::http::Session>(*this, listener_, *conf::Address::parse("10.9.9.9:999"));
        session->open(UniqueFd(client));
        spawn(std::move(session));
        return client;
    }
    const std::shared_ptr<proxy::WorkerListener>& listener() const { return listener_; }
    void forget_idle() { views.close_all_idle(); }

private:
    proxy::SnapshotBuilder builder_{1, [](std::size_t, const std::function<void()>& work) { work(); }};
    std::shared_ptr<proxy::WorkerListener> listener_ = std::make_shared<proxy::WorkerListener>();
};

} // namespace weir::memory_io
