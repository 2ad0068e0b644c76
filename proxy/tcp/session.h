// A client's TCP connection: a backend is chosen once, others are tried while connecting fails, then bytes are passed.
//
// Thread: one worker's thread.
// Lifetime: owns itself through its coroutine (spawn); the worker's context outlives it.
#pragma once

#include "proxy/client_session.h"
#include "proxy/io/task.h"
#include "proxy/search.h"

namespace weir::proxy::tcp {

class Session final : public ClientSession {
public:
    Session(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer);

    Task<> run();
    // Ends when its peers do, or at the drain timeout; who has not said yet for whom it speaks is hurried.
    void drain() override { client_.fiber.wake(); }
    bool came_by(const Way& way) const override { return way == way_; }

private:
    enum class Connected { yes, no, hopeless }; // hopeless: nor would any other be

    Task<BackendConnectionPtr> connect_any(balancer::Seat& seat); // the seat is the backend's
    Task<Connected> connect(BackendConnection& connection);
    const PoolSpec& pool() const { return *search_.pool().spec; }

    Search search_;
    const Way way_;
};

} // namespace weir::proxy::tcp
