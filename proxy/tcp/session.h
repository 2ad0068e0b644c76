// A client's TCP connection. It selects a backend, tries others while connecting fails, and then forwards bytes.
//
// Thread: one worker's thread.
// Lifetime: owns itself through its coroutine (spawn); the worker's context outlives it.
#pragma once

#include "proxy/io/task.h"
#include "proxy/worker/backend_selection.h"
#include "proxy/worker/client_session.h"

#include <optional>

namespace weir::proxy::tcp {

class Session final : public ClientSession {
public:
    Session(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer);

    Task<> run();
    // A session ends when its peers do, or at the drain timeout. A client that still owes its PROXY header is hurried.
    void drain() override { client_.fiber.wake(); }
    bool uses_path(const TrafficPath& path) const override { return path == path_; }
    Activity activity() const override { return Activity::tcp; }

private:
    enum class Connected { yes, no, hopeless }; // hopeless: no other member would connect either

    Task<> serve();
    Connected fail(Connected outcome, const Failure& failure);
    Failure client_left() const;
    log::AccessRecord describe() const;
    Task<BackendConnectionPtr> connect_any(balancer::ConnectionSlot& seat); // the seat is the backend's
    Task<Connected> connect(BackendConnection& connection);
    const PoolSpec& pool() const { return *selection_.pool().spec; }

    BackendSelection selection_;
    const TrafficPath path_;
    const std::shared_ptr<const ListenerSpec> spec_; // from the beginning, even if the listener was renamed since
    const TimePoint began_;
    Failure failure_;
    bool connected_ = false;   // to a backend
    std::string_view backend_; // the backend that was chosen last
    std::optional<Clock::duration> connect_;
    std::uint64_t received_ = 0, sent_ = 0;
    std::uint32_t retries_ = 0;
};

} // namespace weir::proxy::tcp
