#include "proxy/tcp/session.h"

#include "balancer/algorithms/stable_hash.h"
#include "proxy/transfer/tunnel.h"
#include "proxy/worker/backend_connector.h"
#include "proxy/worker/begin_record.h"

#include <algorithm>

namespace weir::proxy::tcp {

using std::chrono::duration_cast;

Session::Session(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer)
    : ClientSession(context, std::move(listener), peer),
      selection_(client_), path_{client_.listener->spec->config.name, "", client_.listener->spec->config.pool},
      spec_(client_.listener->spec), began_(client_.context.loop.now()) {
    const auto& view = client_.listener->view;
    selection_.begin(view, *view->pools[client_.listener->spec->pool]);
}

Task<> Session::run() {
    co_await serve();
    record_.durations.took = duration_cast<log::Microseconds>(LoopClock::now() - began_);
    client_.context.recorder.record(record_, *spec_->own_traffic);
    client_.counters().count_outcome(record_.failure.reason);
}

Task<> Session::serve() {
    const bool welcome = co_await begin();
    record_ = begin_record(client_, *spec_, client_.source.ip);
    record_.path.pool = spec_->config.pool;
    BackendConnectionPtr backend;
    balancer::ConnectionSlot seat;
    if (welcome) {
        client_.context.budget.count_request(client_.context.loop.now());
        backend = co_await connect_any(seat);
    } else {
        fail(begin_failure());
    }
    if (!backend) {
        client_.stream.close(HowToClose::reset);
        co_return;
    }
    Tunnel tunnel(client_, *backend);
    Buffer head;
    std::uint64_t own_bytes = 0;
    if (const auto version = pool().config.send_proxy_protocol; version != conf::ProxyProtocol::none && !pool().tls) {
        head = Buffer(client_.context.buffers.heads);
        head.fill(
            client_.source.write_proxy_header(head.space().data(), version, client_.source.address, client_.stream));
        own_bytes = head.size();
        tunnel.send_first(head);
    }
    co_await tunnel.run(pool().timeouts, ClientEnd::half_closes);
    record_.failure = tunnel.failure(); // the status stays: an established connection succeeded, however it ended
    record_.bytes.received = tunnel.sent_to_backend() - std::min(tunnel.sent_to_backend(), own_bytes);
    record_.bytes.sent = record_.bytes.body = tunnel.sent_to_client();
    if (cause_of(record_.failure.reason) == FailureCause::backend) record_try();
}

// Nothing has been sent yet, so any other member can be tried. The client's bytes wait in its socket.
Task<BackendConnectionPtr> Session::connect_any(balancer::ConnectionSlot& seat) {
    selection_.go_by(balancer::stable_hash(client_.source.ip),
                     {}); // a reload may change the algorithm while the client waits
    const auto retries = client_.listener->view->snapshot->config.retries;
    do {
        auto selected = co_await selection_.wait_for_slot();
        if (selected.outcome != Selection::Outcome::chosen) {
            fail(reason_of(selected.outcome));
            break;
        }
        begin_try();
        const BackendConnector connector(client_, pool().timeouts.connect, ConnectionUse::tunnel,
                                         tls_to(pool(), selected.member, client_.source.address));
        auto connected = co_await connector.connect(link());
        fail(connected.failure);
        if (connected.connection) {
            record_.durations.connect = duration_cast<log::Microseconds>(*connected.took);
            client_.context.outcomes.note(selection_.pool(), selected.member, BackendOutcome::success);
            seat = std::move(selected.seat);
            co_return std::move(connected.connection);
        }
        if (is_hopeless(connected.failure.reason)) break;
        link().counters().failures.add();
        record_try();
        client_.context.outcomes.note(selection_.pool(), selected.member, BackendOutcome::failure);
        selection_.pool().balancer.note_connect_failure(selected.member, client_.context.loop.now());
    } while (selection_.may_try_again(retries));
    co_return nullptr;
}

// Returns why no backend was selected. If the last one cannot be replaced, its failure remains.
Failure Session::reason_of(Selection::Outcome outcome) const {
    switch (outcome) {
    case Selection::Outcome::chosen: break;
    case Selection::Outcome::client_gone: return client_left(client_);
    case Selection::Outcome::full: return {FailureReason::queue_full};
    case Selection::Outcome::late: return {FailureReason::queue_timeout};
    case Selection::Outcome::none: break;
    }
    return record_.failure ? record_.failure : Failure{FailureReason::no_backend};
}

void Session::begin_try() {
    auto& counters = link().counters();
    record_.path.backend = link().backend().name();
    counters.requests.add();
    if (selection_.tries() == 1) return;
    ++record_.retries;
    client_.context.counters.retries.add();
    counters.retries.add();
}

// Sets the failure of the connection, and the status that a request would have received. A later event may replace the
// failure.
void Session::fail(const Failure& failure) {
    record_.failure = failure;
    record_.status = status_of(failure.reason);
}

void Session::record_try() { client_.context.recorder.record_try(record_, *pool().members[selection_.last()].backend); }

} // namespace weir::proxy::tcp
