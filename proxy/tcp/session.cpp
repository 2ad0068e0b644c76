#include "proxy/tcp/session.h"

#include "balancer/stable_hash.h"
#include "proxy/tcp/tunnel.h"

#include <algorithm>

namespace weir::proxy::tcp {

Session::Session(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer)
    : ClientSession(context, std::move(listener), peer),
      search_(client_), way_{client_.listener->spec->config.name, "", client_.listener->spec->config.pool} {
    const auto& view = client_.listener->view;
    search_.begin(view, *view->pools[client_.listener->spec->pool]);
}

Task<> Session::run() {
    const bool welcome = co_await receive_proxy_header();
    BackendConnectionPtr backend;
    balancer::Seat seat;
    if (welcome) backend = co_await connect_any(seat);
    if (!backend) {
        client_.socket.close(HowToClose::reset);
        co_return;
    }
    Tunnel tunnel(client_, *backend);
    Buffer head;
    std::uint64_t own_bytes = 0;
    if (const auto version = pool().config.send_proxy_protocol; version != conf::ProxyProtocol::none) {
        head = Buffer(client_.context.heads);
        head.fill(client_.write_proxy_header(head.space().data(), version));
        own_bytes = head.size();
        tunnel.send_first(head);
    }
    co_await tunnel.run(pool().timeouts.tunnel);
    client_.counters().bytes_in.add(tunnel.sent_to_backend() - std::min(tunnel.sent_to_backend(), own_bytes));
    client_.counters().bytes_out.add(tunnel.sent_to_client());
}

// Nothing has been sent yet, so any other member will do; the client's bytes wait in its socket.
Task<BackendConnectionPtr> Session::connect_any(balancer::Seat& seat) {
    if (pool().config.algorithm == conf::Algorithm::hash) search_.go_by(balancer::stable_hash(client_.ip), {});
    const auto attempts = client_.listener->view->snapshot->config.retries.attempts;
    while (search_.tries() < attempts) {
        auto turn = co_await search_.take_turn();
        if (turn.outcome != Turn::Outcome::chosen) break;
        auto& link = search_.pool().link(turn.member);
        link.counters().requests.add();
        if (search_.tries() > 1) client_.context.counters.retries.add();
        auto connection = link.make();
        const auto connected = co_await connect(*connection);
        if (connected == Connected::yes) {
            client_.context.note_outcome(search_.pool(), turn.member, BackendOutcome::success);
            seat = std::move(turn.seat);
            co_return connection;
        }
        if (connected == Connected::hopeless) break;
        link.counters().failures.add();
        client_.context.note_outcome(search_.pool(), turn.member, BackendOutcome::error);
        search_.pool().balancer.note_connect_failure(turn.member, client_.context.loop.now());
    }
    co_return nullptr;
}

Task<Session::Connected> Session::connect(BackendConnection& connection) {
    const auto give_up = client_.context.loop.now() + pool().timeouts.connect;
    int error = client_.context.begin_connect(connection, client_.fiber);
    while (is_shortage(error) && client_.context.loop.now() < give_up) { // others are about to give some back
        client_.expire_in(shortage_pause);
        while (!client_.timer.expired()) {
            co_await client_.fiber.wait();
            if (client_.aborted || client_.socket.broken()) co_return Connected::hopeless;
        }
        if (connection.is_cut()) co_return Connected::no;
        error = client_.context.begin_connect(connection, client_.fiber);
    }
    if (error) co_return is_shortage(error) ? Connected::hopeless : Connected::no;
    client_.expire_in(pool().timeouts.connect);
    while (!connection.socket.writable()) {
        co_await client_.fiber.wait();
        if (client_.aborted) co_return Connected::hopeless;
        if (client_.socket.broken()) {
            connection.socket.close(HowToClose::reset);
            co_return Connected::hopeless;
        }
        if (client_.timer.expired() || connection.is_cut()) co_return Connected::no;
    }
    co_return connection.socket.connect_error() ? Connected::no : Connected::yes;
}

} // namespace weir::proxy::tcp
