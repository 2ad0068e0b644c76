#include "proxy/runtime/worker.h"

#include "base/signal_mask.h"
#include "proxy/http/session.h"
#include "proxy/tcp/session.h"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <pthread.h>
#include <sys/socket.h>

namespace weir::proxy {
namespace {

constexpr int accepts_at_a_time = 64;
constexpr auto breather = std::chrono::milliseconds(100); // after running out of descriptors

} // namespace

// One listening socket in the event loop.
class Worker::Acceptor final : public EventHandler, public Waker {
public:
    Acceptor(Worker& worker, ListenSocket socket)
        : socket_(std::move(socket)), worker_(worker), timer_(worker.context_.loop.timers(), *this) {
        resume();
    }
    ~Acceptor() { pause(); }

    int descriptor() const { return socket_->get(); }
    std::shared_ptr<WorkerListener> listener = std::make_shared<WorkerListener>();

    void pause() {
        if (active_) worker_.context_.loop.remove(descriptor(), *this);
        active_ = false;
    }
    void resume() {
        if (!active_) active_ = worker_.context_.loop.add(descriptor(), *this, Trigger::level);
    }
    void take_a_breath() {
        pause();
        timer_.set(worker_.context_.loop.now() + breather);
    }

private:
    void on_event(std::uint32_t) override { worker_.accept_from(*this, accepts_at_a_time); }
    void wake() override {
        if (!worker_.paused_) resume();
    }

    const ListenSocket socket_;
    bool active_ = false;
    Worker& worker_;
    WheelTimer timer_;
};

Worker::Worker(std::size_t number, log::AccessLog& access_log, WorkerCounters& own, std::size_t max_connections,
               ErrorListener& listener, auth::PasswordChecker& passwords, BodyStorage& bodies)
    : context_(number, access_log, own, *this, passwords, bodies), max_connections_(max_connections),
      listener_(listener) {}

Worker::~Worker() {
    stop();
    join();
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

void Worker::start() {
    thread_ = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(context_.index)).c_str());
        block_signals(); // only the control thread handles signals
        context_.loop.run();
    });
}

void Worker::adopt(SnapshotPtr snapshot, std::vector<WorkerSocket> sockets, std::function<void()> done) {
    context_.loop.post(
        [this, snapshot = std::move(snapshot), sockets = std::move(sockets), done = std::move(done)]() mutable {
            const auto began = LoopClock::now();
            context_.view = context_.views.build(std::move(snapshot), context_.view);
            if (context_.phase == Phase::serving) update_listeners(sockets); // a draining worker has closed its own
            const auto took = std::chrono::duration_cast<std::chrono::microseconds>(LoopClock::now() - began);
            context_.counters.longest_adoption_us.raise_to(static_cast<std::uint64_t>(took.count()));
            done();
        });
}

void Worker::update_listeners(const std::vector<WorkerSocket>& sockets, const std::set<int>& kept_by_another) {
    std::unordered_map<int, std::unique_ptr<Acceptor>> now;
    for (const auto& socket : sockets) {
        const int fd = socket.socket->get();
        auto& acceptor = now[fd];
        if (const auto it = acceptors_.find(fd); it != acceptors_.end()) acceptor = std::move(it->second);
        else acceptor = std::make_unique<Acceptor>(*this, socket.socket);
        const auto& listeners = context_.view->snapshot->listeners;
        const auto spec = std::find_if(listeners.begin(), listeners.end(),
                                       [&](const auto& l) { return l->config.name == socket.listener; });
        acceptor->listener->spec = *spec;
        acceptor->listener->view = context_.view;
    }
    bool left = false;
    for (auto& [fd, acceptor] : acceptors_) {
        if (!acceptor) continue;
        left = true;
        // The clients in the accept queue expect a response, and closing the socket would reset their connections.
        if (!kept_by_another.contains(fd)) accept_from(*acceptor, std::numeric_limits<int>::max());
        acceptor->listener->phase = Phase::draining;
    }
    acceptors_ = std::move(now);
    // Wakes idle connections, so that those of removed listeners close.
    if (left) context_.clients.for_each([](ClientConnection& client) { client.drain(); });
}

void Worker::accept_from(Acceptor& acceptor, int most) {
    for (int i = 0; i < most; ++i) {
        if (context_.clients.size() >= max_connections_) return pause_accepting();
        sockaddr_storage from{};
        socklen_t length = sizeof from;
        UniqueFd connection(::accept4(acceptor.descriptor(), reinterpret_cast<sockaddr*>(&from), &length,
                                      SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (connection) {
            start_session(std::move(connection), acceptor.listener,
                          conf::Address::from(reinterpret_cast<const sockaddr*>(&from)));
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        context_.counters.accept_failures.add();
        return acceptor.take_a_breath(); // out of descriptors or memory: pause instead of spinning
    }
}

void Worker::start_session(UniqueFd connection, const std::shared_ptr<WorkerListener>& listener,
                           const conf::Address& peer) {
    if (listener->spec->config.protocol == conf::Protocol::tcp) {
        auto session = std::make_unique<tcp::Session>(context_, listener, peer);
        if (session->open(std::move(connection))) spawn(std::move(session));
    } else {
        auto session = std::make_unique<http::Session>(context_, listener, peer);
        if (session->open(std::move(connection))) spawn(std::move(session));
    }
}

void Worker::pause_accepting() {
    paused_ = true;
    for (auto& [_, acceptor] : acceptors_)
        if (acceptor) acceptor->pause();
}

void Worker::on_client_left() {
    if (paused_ && context_.clients.size() < max_connections_) {
        paused_ = false;
        for (auto& [_, acceptor] : acceptors_)
            if (acceptor) acceptor->resume();
    }
    if (drained_ && context_.clients.size() == 0) std::exchange(drained_, nullptr)();
}

void Worker::close_idle_to(balancer::BackendPtr backend) {
    context_.loop.post([this, backend = std::move(backend)] { context_.views.close_idle(*backend); });
}

void Worker::cut_tunnels_to(balancer::BackendPtr backend) {
    context_.loop.post([this, backend = std::move(backend)] { context_.views.cut_tunnels(*backend); });
}

void Worker::cut(balancer::BackendPtr backend) {
    context_.loop.post([this, backend = std::move(backend)] { context_.views.cut(*backend); });
}

void Worker::cut(TrafficPath path) {
    context_.loop.post([this, path = std::move(path)] {
        context_.clients.for_each([&](ClientConnection& client) { client.cut(path); });
    });
}

void Worker::drain(std::set<int> kept_by_another, std::function<void()> drained) {
    context_.loop.post([this, kept = std::move(kept_by_another), drained = std::move(drained)]() mutable {
        context_.phase = Phase::draining;
        update_listeners({}, kept);
        drained_ = std::move(drained);
        on_client_left();
    });
}

void Worker::count_open(std::function<void(const OpenWork&)> counted) {
    context_.loop.post([this, counted = std::move(counted)] {
        OpenWork work;
        context_.clients.for_each([&](const ClientConnection& client) { client.add_work(work); });
        counted(work);
    });
}

void Worker::end_all() {
    drained_ = nullptr;
    context_.clients.for_each([](ClientConnection& client) { client.abort(); });
    context_.mirrors.abort_all();
    context_.views.close_all_idle();
    context_.view = nullptr;
}

void Worker::stop() {
    context_.loop.post([this] {
        acceptors_.clear();
        end_all();
    });
    context_.loop.stop();
}

} // namespace weir::proxy
