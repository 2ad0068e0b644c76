// A client's TCP connection. It finds its pool, selects a backend, tries others while connecting fails, and then
// forwards bytes.
//
// Thread: one worker's thread.
// Lifetime: owns itself through its coroutine (spawn); the worker's context outlives it.
#pragma once

#include "proxy/io/task.h"
#include "proxy/worker/backend_selection.h"
#include "proxy/worker/client_session.h"
#include "tls/client_hello_reader.h"

namespace weir::proxy::tcp {

class Session final : public ClientSession {
public:
    Session(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer);

    Task<> run();
    // Does not end an established connection: it ends when its peers end it, or at the drain timeout. A client that has
    // not sent its PROXY header yet has little time left for it.
    void drain() override { client_.fiber.wake(); }
    void cut(const TrafficPath& path) override {
        if (path == traffic_->path) abort();
    }
    void add_work(OpenWork& work) const override { work.add(Activity::tcp); }

private:
    Task<> serve();
    Task<bool> choose_pool();
    Task<tls::HelloStatus> read_client_hello(tls::ClientHelloReader& hello);
    void use(std::size_t pool, const std::shared_ptr<TrafficStats>& traffic);
    Task<> forward(BackendConnection& backend);
    Task<BackendConnectionPtr> connect_any(balancer::ConnectionSlot& seat); // the seat is the backend's
    Failure reason_of(Selection::Outcome outcome) const;
    void begin_try();
    void fail(const Failure& failure);
    void record_try();
    const PoolSpec& pool() const { return *selection_.pool().spec; }
    // Returns the link to the backend that is being tried.
    BackendLink& link() const { return selection_.pool().link(selection_.last()); }

    BackendSelection selection_;
    const WorkerViewPtr view_;                       // that spec_ belongs to
    const std::shared_ptr<const ListenerSpec> spec_; // from the beginning, even if the listener was renamed since
    TrafficStats* traffic_;                          // of spec_
    const TimePoint began_;
    log::AccessRecord record_;
};

} // namespace weir::proxy::tcp
