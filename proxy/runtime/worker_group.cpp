#include "proxy/runtime/worker_group.h"

#include "base/event.h"

#include <boost/asio/post.hpp>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// A hash takes about 50 ms, so the last in the queue waits for some seconds.
constexpr std::size_t password_threads = 2, max_waiting_passwords = 128;

} // namespace

// Calls `done` on the control thread after one arrival from each worker.
struct WorkerGroup::Countdown {
    Countdown(asio::io_context& context, std::size_t count, std::function<void()> then)
        : control(context), left(count), done(std::move(then)) {}

    asio::io_context& control;
    std::size_t left; // accessed on the control thread only
    std::function<void()> done;

    static std::function<void()> arrival(std::shared_ptr<Countdown> self) {
        return [self] {
            asio::post(self->control, [self] {
                if (--self->left == 0) self->done();
            });
        };
    }
};

WorkerGroup::WorkerGroup(asio::io_context& control, std::size_t count, std::size_t max_connections, log::AccessLog& log,
                         std::vector<WorkerCounters>& counters, ErrorListener& listener, std::string body_directory)
    : control_(control), listener_(listener), passwords_(password_threads, max_waiting_passwords),
      bodies_(std::move(body_directory)) {
    const auto share = (max_connections + count - 1) / count;
    ErrorListener& self = *this;
    for (std::size_t i = 0; i < count; ++i)
        workers_.push_back(std::make_unique<Worker>(i, log, counters[i], share, self, passwords_, bodies_));
    for (auto& worker : workers_) worker->start();
}

asio::awaitable<void> WorkerGroup::adopt(SnapshotPtr snapshot, const ListenSockets& sockets) {
    bodies_.set_limit(snapshot->config.limits.buffered_bodies.bytes);
    const auto all = std::make_shared<Event>(control_);
    const auto countdown = std::make_shared<Countdown>(control_, workers_.size(), [all] { all->notify_all(); });
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        std::vector<WorkerSocket> own;
        for (const auto& listener : snapshot->listeners)
            for (auto& socket : sockets.of_worker(listener->config.address, i))
                own.push_back({std::move(socket), listener->config.name});
        workers_[i]->adopt(snapshot, std::move(own), Countdown::arrival(countdown));
    }
    co_await all->wait();
}

asio::awaitable<void> WorkerGroup::wait_for_all() {
    const auto all = std::make_shared<Event>(control_);
    const auto countdown = std::make_shared<Countdown>(control_, workers_.size(), [all] { all->notify_all(); });
    for (auto& worker : workers_) worker->run(Countdown::arrival(countdown));
    co_await all->wait();
}

void WorkerGroup::on_consecutive_errors(const balancer::BackendPtr& backend) {
    asio::post(control_, [&listener = listener_, backend] { listener.on_consecutive_errors(backend); });
}

void WorkerGroup::close_idle_to(const balancer::BackendPtr& backend) {
    for (auto& worker : workers_) worker->close_idle_to(backend);
}

void WorkerGroup::cut_tunnels_to(const balancer::BackendPtr& backend) {
    for (auto& worker : workers_) worker->cut_tunnels_to(backend);
}

void WorkerGroup::cut(const balancer::BackendPtr& backend) {
    for (auto& worker : workers_) worker->cut(backend);
}

void WorkerGroup::cut(const TrafficPath& path) {
    for (auto& worker : workers_) worker->cut(path);
}

void WorkerGroup::count_open(std::function<void(const OpenWork&)> counted) {
    struct Sum {
        OpenWork work;
        std::size_t missing; // workers that have not answered yet
    };
    const auto sum = std::make_shared<Sum>(Sum{{}, workers_.size()}); // accessed on the control thread only
    for (auto& worker : workers_)
        worker->count_open([&control = control_, sum, counted](const OpenWork& work) {
            asio::post(control, [sum, counted, work] {
                sum->work += work;
                if (--sum->missing == 0) counted(sum->work);
            });
        });
}

void WorkerGroup::drain(const std::set<int>& kept_by_another, std::function<void()> drained) {
    const auto countdown = std::make_shared<Countdown>(control_, workers_.size(), std::move(drained));
    for (auto& worker : workers_) worker->drain(kept_by_another, Countdown::arrival(countdown));
}

void WorkerGroup::stop() {
    passwords_.stop();
    bodies_.stop();
    for (auto& worker : workers_) worker->stop();
    for (auto& worker : workers_) worker->join(); // workers post to each other until the last one has ended
    workers_.clear();
}

} // namespace weir::proxy
