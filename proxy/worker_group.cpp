#include "proxy/worker_group.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::proxy {

namespace asio = boost::asio;

// Calls back on the control thread after as many arrivals as there are workers.
struct WorkerGroup::Countdown {
    Countdown(asio::io_context& context, std::size_t count, std::function<void()> then)
        : control(context), left(count), done(std::move(then)) {}

    asio::io_context& control;
    std::size_t left; // touched on the control thread alone
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
                         std::vector<WorkerCounters>& counters, Worker::OnErrors on_errors)
    : control_(control) {
    const auto share = (max_connections + count - 1) / count;
    const auto report = [&control, on_errors = std::move(on_errors)](const balancer::BackendPtr& backend) {
        asio::post(control, [on_errors, backend] { on_errors(backend); });
    };
    for (std::size_t i = 0; i < count; ++i)
        workers_.push_back(std::make_unique<Worker>(i, log, counters[i], share, report));
    for (auto& worker : workers_) worker->start();
}

asio::awaitable<void> WorkerGroup::adopt(SnapshotPtr snapshot, const ListenSockets& sockets) {
    auto all = std::make_shared<asio::steady_timer>(control_, asio::steady_timer::time_point::max());
    const auto countdown = std::make_shared<Countdown>(control_, workers_.size(), [all] { all->cancel(); });
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        std::vector<ListenSocket> own;
        for (const auto& listener : snapshot->listeners)
            for (const int fd : sockets.descriptors(listener->config.address, i))
                own.push_back({fd, listener->config.name});
        workers_[i]->adopt(snapshot, std::move(own), Countdown::arrival(countdown));
    }
    co_await all->async_wait(asio::as_tuple(asio::use_awaitable));
}

void WorkerGroup::close_idle_to(const balancer::BackendPtr& backend) {
    for (auto& worker : workers_) worker->close_idle_to(backend);
}

void WorkerGroup::cut(const balancer::BackendPtr& backend) {
    for (auto& worker : workers_) worker->cut(backend);
}

void WorkerGroup::cut(const Way& way) {
    for (auto& worker : workers_) worker->cut(way);
}

void WorkerGroup::drain(const std::set<int>& kept_by_another, std::function<void()> drained) {
    const auto countdown = std::make_shared<Countdown>(control_, workers_.size(), std::move(drained));
    for (auto& worker : workers_) worker->drain(kept_by_another, Countdown::arrival(countdown));
}

void WorkerGroup::stop() {
    for (auto& worker : workers_) worker->stop();
    for (auto& worker : workers_) worker->join(); // they call each other until the last has ended
    workers_.clear();
}

} // namespace weir::proxy
