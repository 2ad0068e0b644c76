#include "proxy/tcp/session.h"

#include "balancer/algorithms/stable_hash.h"
#include "proxy/transfer/tunnel.h"

#include <algorithm>

namespace weir::proxy::tcp {

Session::Session(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer)
    : ClientSession(context, std::move(listener), peer),
      selection_(client_), path_{client_.listener->spec->config.name, "", client_.listener->spec->config.pool},
      spec_(client_.listener->spec), began_(client_.context.loop.now()) {
    const auto& view = client_.listener->view;
    selection_.begin(view, *view->pools[client_.listener->spec->pool]);
}

Task<> Session::run() {
    co_await serve();
    client_.context.record(describe(), *spec_->own_traffic);
    client_.counters().count_outcome(failure_.reason);
}

log::AccessRecord Session::describe() const {
    using std::chrono::duration_cast;
    log::AccessRecord record;
    record.client = client_.ip;
    record.peer = client_.peer();
    record.protocol = conf::Protocol::tcp;
    record.listener = spec_->config.name;
    record.pool = spec_->config.pool;
    record.backend = backend_;
    record.failure = failure_;
    // An established connection has a success status, however it ended.
    record.status = connected_ || !failure_ ? 200 : status_of(failure_.reason);
    record.received_bytes = received_;
    record.sent_bytes = record.body_bytes = sent_;
    record.took = duration_cast<log::Microseconds>(Clock::now() - began_);
    if (connect_) record.connect = duration_cast<log::Microseconds>(*connect_);
    record.retries = retries_;
    return record;
}

Task<> Session::serve() {
    const bool welcome = co_await receive_proxy_header();
    BackendConnectionPtr backend;
    balancer::ConnectionSlot seat;
    if (welcome) backend = co_await connect_any(seat);
    else failure_ = proxy_failure();
    if (!backend) {
        client_.socket.close(HowToClose::reset);
        co_return;
    }
    Tunnel tunnel(client_, *backend);
    Buffer head;
    std::uint64_t own_bytes = 0;
    if (const auto version = pool().config.send_proxy_protocol; version != conf::ProxyProtocol::none) {
        head = Buffer(client_.context.heads);
        head.fill(client_.write_proxy_header(head.space().data(), version, client_.address));
        own_bytes = head.size();
        tunnel.send_first(head);
    }
    co_await tunnel.run(pool().timeouts, ClientEnd::half_closes);
    failure_ = tunnel.failure();
    received_ = tunnel.sent_to_backend() - std::min(tunnel.sent_to_backend(), own_bytes);
    sent_ = tunnel.sent_to_client();
    if (cause_of(failure_.reason) == FailureCause::backend)
        client_.context.record_try(describe(), *selection_.pool().spec->members[selection_.last()].backend);
}

// Nothing has been sent yet, so any other member will do; the client's bytes wait in its socket.
Task<BackendConnectionPtr> Session::connect_any(balancer::ConnectionSlot& seat) {
    selection_.go_by(balancer::stable_hash(client_.ip), {}); // a reload may change the algorithm while the client waits
    const auto attempts = client_.listener->view->snapshot->config.retries.attempts;
    while (selection_.tries() < attempts) {
        auto selected = co_await selection_.wait_for_slot();
        if (selected.outcome != Selection::Outcome::chosen) {
            if (selected.outcome == Selection::Outcome::client_gone) fail(Connected::hopeless, client_left());
            if (selected.outcome == Selection::Outcome::full) failure_ = {FailureReason::queue_full};
            if (selected.outcome == Selection::Outcome::late) failure_ = {FailureReason::queue_timeout};
            if (selected.outcome == Selection::Outcome::none && !failure_) failure_ = {FailureReason::no_backend};
            break;
        }
        auto& link = selection_.pool().link(selected.member);
        link.counters().requests.add();
        if (selection_.tries() > 1) {
            ++retries_;
            client_.context.counters.retries.add();
            link.counters().retries.add();
        }
        backend_ = link.backend().name();
        auto connection = link.make();
        connection->become_tunnel();
        const auto began = client_.context.loop.now();
        const auto connected = co_await connect(*connection);
        if (connected == Connected::yes) {
            failure_ = {};
            connected_ = true;
            connect_ = client_.context.loop.now() - began;
            client_.context.note_outcome(selection_.pool(), selected.member, BackendOutcome::success);
            seat = std::move(selected.seat);
            co_return connection;
        }
        if (connected == Connected::hopeless) break;
        link.counters().failures.add();
        client_.context.record_try(describe(), *selection_.pool().spec->members[selected.member].backend);
        client_.context.note_outcome(selection_.pool(), selected.member, BackendOutcome::failure);
        selection_.pool().balancer.note_connect_failure(selected.member, client_.context.loop.now());
    }
    co_return nullptr;
}

Session::Connected Session::fail(Connected outcome, const Failure& failure) {
    failure_ = failure;
    return outcome;
}

Failure Session::client_left() const {
    if (client_.aborted) return {FailureReason::drained, "the time to finish expired before a backend was connected"};
    return {FailureReason::client_closed, "before a backend was connected"};
}

Task<Session::Connected> Session::connect(BackendConnection& connection) {
    const auto give_up = client_.context.loop.now() + pool().timeouts.connect;
    int error = client_.context.begin_connect(connection, client_.fiber);
    while (is_shortage(error) && client_.context.loop.now() < give_up) { // other connections will free some
        client_.expire_in(shortage_pause);
        while (!client_.timer.expired()) {
            co_await client_.fiber.wait();
            if (client_.aborted || client_.socket.broken()) co_return fail(Connected::hopeless, client_left());
        }
        if (connection.is_cut()) co_return fail(Connected::no, {FailureReason::backend_removed});
        error = client_.context.begin_connect(connection, client_.fiber);
    }
    if (is_shortage(error)) co_return fail(Connected::hopeless, {FailureReason::resource_exhausted, "connect", error});
    if (error) co_return fail(Connected::no, {reason_of_connect_error(error), "connect", error});
    client_.expire_in(pool().timeouts.connect);
    while (!connection.socket.writable()) {
        co_await client_.fiber.wait();
        if (client_.aborted) co_return fail(Connected::hopeless, client_left());
        if (client_.socket.broken()) {
            connection.socket.close(HowToClose::reset);
            co_return fail(Connected::hopeless, client_left());
        }
        if (client_.timer.expired()) co_return fail(Connected::no, {FailureReason::connect_timeout});
        if (connection.is_cut()) co_return fail(Connected::no, {FailureReason::backend_removed});
    }
    error = connection.socket.connect_error();
    if (error) co_return fail(Connected::no, {reason_of_connect_error(error), "connect", error});
    co_return Connected::yes;
}

} // namespace weir::proxy::tcp
