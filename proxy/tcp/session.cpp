#include "proxy/tcp/session.h"

#include "balancer/algorithms/stable_hash.h"
#include "proxy/transfer/tunnel.h"
#include "proxy/worker/backend_connector.h"
#include "proxy/worker/begin_record.h"

#include <algorithm>

namespace weir::proxy::tcp {

using std::chrono::duration_cast;

Session::Session(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer)
    : ClientSession(context, std::move(listener), peer), selection_(client_), view_(client_.listener->view),
      spec_(client_.listener->spec), traffic_(spec_->unrouted.get()), began_(client_.context.loop.now()) {}

Task<> Session::run() {
    co_await serve();
    record_.durations.took = duration_cast<log::Microseconds>(LoopClock::now() - began_);
    client_.context.recorder.record(record_, *traffic_);
    client_.counters().count_outcome(record_.failure.reason, conf::HttpVersion::none);
}

Task<> Session::serve() {
    bool welcome = co_await begin();
    record_ = begin_record(client_, *spec_, client_.source.ip);
    if (!welcome) fail(begin_failure());
    if (welcome) welcome = co_await choose_pool();
    BackendConnectionPtr backend;
    balancer::ConnectionSlot seat;
    if (welcome) {
        client_.context.budget.count_request(client_.context.loop.now());
        backend = co_await connect_any(seat);
    }
    if (backend) co_await forward(*backend);
    else client_.stream.close(HowToClose::reset);
}

// Begins the selection from a pool of spec_. If a reload has replaced it since, the selection moves on by itself.
void Session::use(std::size_t pool, const std::shared_ptr<TrafficStats>& traffic) {
    traffic_ = traffic.get();
    record_.path.pool = traffic->path.pool;
    selection_.begin(view_, *view_->pools[pool]);
}

// Finds the pool. Returns false if the connection has ended, or belongs to none.
Task<bool> Session::choose_pool() {
    tls::ClientHelloReader hello;
    const SniRoute* route = nullptr;
    if (!spec_->sni.empty()) {
        const auto status = co_await read_client_hello(hello);
        if (record_.failure || status == tls::HelloStatus::incomplete) co_return false;
        if (status == tls::HelloStatus::complete) route = spec_->sni.find(hello.name());
    }
    const auto pool = route ? route->pool : spec_->pool;
    if (pool == no_pool) {
        fail({FailureReason::no_route});
        co_return false;
    }
    use(pool, route ? route->traffic : spec_->own_traffic);
    co_return true;
}

// Reads until the ClientHello is complete; its bytes stay in the client's buffer. Returns `incomplete` if the client
// has left, or sets a failure.
Task<tls::HelloStatus> Session::read_client_hello(tls::ClientHelloReader& hello) {
    client_.expire_in(client_.listener->view->snapshot->config.timeouts.client_header);
    auto status = tls::HelloStatus::incomplete;
    if (!client_.in.empty()) status = hello.read(client_.in.view());
    while (status == tls::HelloStatus::incomplete) {
        while (client_.stream.readable() && status == tls::HelloStatus::incomplete) {
            if (!client_.in.has_memory()) client_.in = Buffer(client_.context.buffers.heads);
            if (client_.in.space().empty()) {
                status = tls::HelloStatus::too_large;
                break;
            }
            const auto result = client_.stream.receive(client_.in.space());
            if (result.status == IoStatus::would_block) break;
            if (result.status != IoStatus::ok) {
                if (!client_.in.empty()) fail({FailureReason::client_closed, "within the ClientHello"});
                co_return status;
            }
            client_.in.fill(result.bytes);
            status = hello.read(client_.in.view());
        }
        if (status != tls::HelloStatus::incomplete) break;
        hurry();
        co_await client_.fiber.wait();
        if (client_.timer.expired()) fail({FailureReason::client_timeout, "the ClientHello did not arrive in time"});
        if (client_.aborted || client_.timer.expired()) co_return status;
    }
    if (status == tls::HelloStatus::too_large) fail({FailureReason::request_header_too_large, "the ClientHello"});
    co_return status;
}

Task<> Session::forward(BackendConnection& backend) {
    Tunnel tunnel(client_, backend);
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
                                         settings_for(pool(), selected.member, client_.source.address));
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
