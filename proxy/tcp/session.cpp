#include "proxy/tcp/session.h"

#include "balancer/stable_hash.h"
#include "proxy/tcp/tunnel.h"
#include "proxy/turn.h"

#include <algorithm>
#include <array>

namespace weir::proxy::tcp {

Session::Session(WorkerContext& context, std::shared_ptr<WorkerListener> listener, const conf::Address& peer)
    : ClientSession(context, std::move(listener), peer), view_(client_.listener->view),
      pool_(view_->pools[client_.listener->spec->pool].get()) {}

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
    if (const auto version = pool_->spec->config.send_proxy_protocol; version != conf::ProxyProtocol::none) {
        head = Buffer(client_.context.heads);
        head.fill(client_.write_proxy_header(head.space().data(), version));
        own_bytes = head.size();
        tunnel.send_first(head);
    }
    co_await tunnel.run(pool_->spec->timeouts.tunnel);
    client_.counters().bytes_in.add(tunnel.sent_to_backend() - std::min(tunnel.sent_to_backend(), own_bytes));
    client_.counters().bytes_out.add(tunnel.sent_to_client());
}

// Nothing has been sent yet, so any other member will do; the client's bytes wait in its socket.
Task<BackendConnectionPtr> Session::connect_any(balancer::Seat& seat) {
    std::optional<std::uint64_t> key;
    if (pool_->spec->config.algorithm == conf::Algorithm::hash) key = balancer::stable_hash(client_.ip);
    std::array<std::size_t, conf::most_attempts> tried{};
    std::size_t count = 0; // of them: a reload may have taken some away
    for (std::size_t tries = 0; tries < view_->snapshot->config.retries.attempts; ++tries) {
        auto turn = co_await take_turn(client_, *pool_, {{tried.data(), count}, client_.context.loop.now(), key});
        if (turn.outcome != Turn::Outcome::chosen) break;
        if (turn.view) { // a reload came while it waited
            count = find_all_again({tried.data(), count}, *pool_, *turn.pool);
            view_ = turn.view;
            pool_ = turn.pool;
        }
        tried[count++] = turn.member;
        auto& link = pool_->link(turn.member);
        link.counters().requests.add();
        if (tries > 0) client_.context.counters.retries.add();
        auto connection = link.make();
        const auto connected = co_await connect(*connection);
        if (connected == Connected::yes) {
            client_.context.note_outcome(*pool_, turn.member, BackendOutcome::success);
            seat = std::move(turn.seat);
            co_return connection;
        }
        if (connected == Connected::hopeless) break;
        link.counters().failures.add();
        client_.context.note_outcome(*pool_, turn.member, BackendOutcome::error);
        pool_->balancer.note_connect_failure(turn.member, client_.context.loop.now());
    }
    co_return nullptr;
}

Task<Session::Connected> Session::connect(BackendConnection& connection) {
    const auto give_up = client_.context.loop.now() + pool_->spec->timeouts.connect;
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
    client_.expire_in(pool_->spec->timeouts.connect);
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
