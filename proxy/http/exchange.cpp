#include "proxy/http/exchange.h"

#include "proxy/http/chars.h"
#include "proxy/http/relay.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

constexpr int client_closed_request = 499; // nginx's word for it, which log readers know

constexpr int shortage = 503; // of connect(): this machine is out of descriptors or memory

Trust trust_in(const ClientSide& client) {
    if (client.origin == tcp::ProxyOrigin::unknown) return Trust::untrusted;
    const auto& blocks = client.listener->spec->config.trusted_proxies;
    const bool trusted =
        std::any_of(blocks.begin(), blocks.end(), [&](const auto& b) { return b.contains(client.address); });
    return trusted ? Trust::trusted : Trust::untrusted;
}

const conf::HeaderEdit no_edit;

std::uint32_t unix_now() {
    return static_cast<std::uint32_t>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
}

} // namespace

Exchange::Exchange(ClientSide& client, const RequestHead& head)
    : client_(client), context_(client.context), view_(client.listener->view), search_(client) {
    report_.method = head.method;
    report_.target = head.target;
    report_.host = head.authority;
    report_.minor_version = head.minor_version;
    report_.referer = head.find(FieldId::referer);
    report_.user_agent = head.find(FieldId::user_agent);
    report_.bytes_in = head.length;
    failure_ = decide(head);
}

// All that can be told from the head alone. Returns the status to refuse with, 0 to go on.
int Exchange::decide(const RequestHead& head) {
    const auto framed = request_framing(head);
    const auto options = connection_options(head.fields);
    const bool keeps = head.minor_version == 1 ? !options.close : options.keep_alive;
    framing_ = framed.framing;
    answer_to_ = head.method == "HEAD" ? AnswerTo::head : AnswerTo::other;
    if (!keeps || client_.is_draining() || framed.error) next_ = Connection::close;
    if (framed.error) return 400;
    const auto expect = head.find(FieldId::expect);
    if (!expect.empty() && !same_word(expect, "100-continue")) return 417;
    const auto& snapshot = *view_->snapshot;
    const auto limit = snapshot.config.limits.body_size.bytes;
    if (limit && framing_.kind == BodyKind::length && framing_.length > limit) return 413;
    const auto choice = choose_route(snapshot, *client_.listener->spec, head.authority, head.path);
    if (choice.pool == no_pool) return 404;
    search_.begin(view_, *view_->pools[choice.pool]);
    listener_ = &client_.listener->spec->config;
    route_ = choice.route ? &choice.route->config : nullptr;
    timeouts_ = choice.route ? &choice.route->timeouts : &view_->snapshot->pools[choice.pool]->timeouts;
    report_.pool = view_->snapshot->pools[choice.pool]->config.name;
    find_affinity(head);
    idempotent_ = is_idempotent(head.method);
    upgrade_ = requested_upgrade(head, options, framing_);
    request_head_ = Buffer(context_.heads);
    if (const auto version = pool().config.send_proxy_protocol; version != conf::ProxyProtocol::none)
        request_head_.fill(client_.write_proxy_header(request_head_.space().data(), version));
    // Whoever closes first keeps the port for a minute: better the backend than the one machine in front of them all.
    const auto to_backend = may_share() ? Connection::keep : Connection::close;
    write_request(request_head_, head, framing_, {client_.ip, trust_in(client_), "http", to_backend}, upgrade_,
                  route_ ? route_->request_headers : no_edit);
    return 0;
}

bool Exchange::came_by(const Way& way) const {
    return listener_ && way.listener == listener_->name && way.pool == report_.pool &&
           way.route == (route_ ? route_->name : std::string());
}

Task<Connection> Exchange::run() {
    if (failure_) co_return co_await answer(failure_);
    context_.budget.count_request(context_.loop.now());
    failure_ = 503;
    co_return co_await try_backends();
}

Task<Connection> Exchange::try_backends() {
    for (;;) {
        auto turn = search_.try_turn();
        if (turn.outcome != Turn::Outcome::chosen) turn = co_await choose_another();
        if (turn.outcome != Turn::Outcome::chosen) co_return co_await answer(failure_);
        if (search_.tries() > 1) {
            ++report_.retries;
            context_.counters.retries.add();
        }
        if (pool().config.sticky) keep_client_with(turn.member);
        const auto ended = co_await try_backend(turn.member);
        turn.seat.leave();
        if (ended == Try::finished) co_return next_;
        if (ended == Try::stopped) co_return co_await answer(failure_);
    }
}

// Sets `failure_` where none was chosen.
Task<Turn> Exchange::choose_another() {
    auto turn = co_await search_.take_turn();
    if (turn.outcome == Turn::Outcome::client_gone) failure_ = client_closed_request;
    if (turn.outcome == Turn::Outcome::full) {
        failure_ = 503;
        const auto& queue = pool().config.queue;
        retry_after_ = std::max(std::chrono::seconds(1),
                                std::chrono::ceil<std::chrono::seconds>(queue ? queue->timeout : conf::Duration(0)));
    }
    co_return turn;
}

// One backend. Sets `failure_` where it was not finished.
Task<Exchange::Try> Exchange::try_backend(std::size_t member) {
    auto& link = search_.pool().link(member);
    report_.backend = link.backend().name();
    link.counters().requests.add();
    auto ended = co_await try_connection(link, member, search_.tries() == 1 ? Dial::kept_or_new : Dial::anew);
    if (ended == Try::stale) {
        // A kept connection that the backend has just closed says nothing about the backend, and costs no attempt.
        ++report_.retries;
        context_.counters.retries.add();
        ended = co_await try_connection(link, member, Dial::anew);
    }
    if (ended == Try::finished)
        context_.note_outcome(search_.pool(), member,
                              report_.status >= 500 ? BackendOutcome::error : BackendOutcome::success);
    co_return ended;
}

Task<Exchange::Try> Exchange::try_connection(BackendLink& link, std::size_t member, Dial dial) {
    auto connection = co_await obtain(link, dial);
    if (!connection) {
        if (failure_ == client_closed_request || failure_ == shortage) co_return Try::stopped; // no backend's fault
        count_failure(link, member, FailedTry::Stage::connecting);
        co_return may_try_again(FailedTry::Stage::connecting) ? Try::failed : Try::stopped;
    }
    Relay relay(*this, *connection);
    const auto result = co_await relay.run();
    switch (result) {
    case Relay::Result::finished:
        if (may_share() && relay.may_reuse()) {
            const auto& keepalive = pool().config.keepalive;
            link.give_back(std::move(connection), keepalive.max_idle, context_.loop.now() + keepalive.idle_timeout);
        }
        co_return Try::finished;
    case Relay::Result::no_answer:
        failure_ = 502;
        if (reused_ && may_retry({FailedTry::Stage::sent, idempotent_, framing_.kind == BodyKind::none}))
            co_return Try::stale;
        if (!connection->is_cut()) count_failure(link, member, FailedTry::Stage::sent);
        co_return may_try_again(FailedTry::Stage::sent) ? Try::failed : Try::stopped;
    case Relay::Result::bad_answer: failure_ = 502; break;
    case Relay::Result::slow_answer: failure_ = 504; break;
    case Relay::Result::slow_client: failure_ = 408; co_return Try::stopped;
    case Relay::Result::bad_body: failure_ = 400; co_return Try::stopped;
    case Relay::Result::large_body: failure_ = 413; co_return Try::stopped;
    case Relay::Result::client_gone: failure_ = client_closed_request; co_return Try::stopped;
    case Relay::Result::broken_off: failure_ = 0; co_return Try::stopped;
    case Relay::Result::cut_off: failure_ = 0; break;
    }
    count_failure(link, member, FailedTry::Stage::answering);
    co_return Try::stopped;
}

// A kept connection or a new one; null, and `failure_` set, where there is none to be had.
Task<BackendConnectionPtr> Exchange::obtain(BackendLink& link, Dial dial) {
    const auto give_up = context_.loop.now() + timeouts_->connect;
    for (;;) {
        BackendConnectionPtr connection;
        if (may_share() && dial == Dial::kept_or_new) connection = link.take_idle(); // a second try takes no chances
        reused_ = connection != nullptr;
        if (connection) {
            connection->socket.set_waker(client_.fiber);
            co_return connection;
        }
        connection = link.make();
        failure_ = co_await connect(*connection);
        if (failure_ == 0) co_return connection;
        if (failure_ != shortage || context_.loop.now() >= give_up) co_return nullptr;
        connection = nullptr;
        const bool still_there = co_await pause();
        if (!still_there) failure_ = client_closed_request;
        if (!still_there) co_return nullptr;
    }
}

// Out of descriptors: others are about to give some back. False where the client has left meanwhile.
Task<bool> Exchange::pause() {
    client_.expire_in(shortage_pause);
    while (!client_.timer.expired()) {
        co_await client_.fiber.wait();
        if (client_.aborted || client_.has_left()) co_return false;
    }
    co_return true;
}

// A connection that began with one client's PROXY header is no one else's.
bool Exchange::may_share() const { return pool().config.send_proxy_protocol == conf::ProxyProtocol::none; }

// Returns 0 once the connection stands, or the status that says why it does not.
Task<int> Exchange::connect(BackendConnection& connection) {
    if (const int error = context_.begin_connect(connection, client_.fiber))
        co_return is_shortage(error) ? shortage : 502;
    client_.expire_in(timeouts_->connect);
    while (!connection.socket.writable()) {
        co_await client_.fiber.wait();
        if (client_.aborted) co_return client_closed_request;
        if (client_.timer.expired()) co_return 504;
        if (connection.is_cut()) co_return 502;
        if (client_.has_left()) co_return client_closed_request;
    }
    co_return connection.socket.connect_error() ? 502 : 0;
}

bool Exchange::may_try_again(FailedTry::Stage stage) {
    const auto& retries = view_->snapshot->config.retries;
    const bool untouched = framing_.kind == BodyKind::none || stage == FailedTry::Stage::connecting;
    if (search_.tries() >= retries.attempts || !may_retry({stage, idempotent_, untouched})) return false;
    if (context_.budget.take(context_.loop.now(), retries.budget.value)) return true;
    context_.counters.retries_refused.add();
    return false;
}

void Exchange::count_failure(BackendLink& link, std::size_t member, FailedTry::Stage stage) {
    link.counters().failures.add();
    context_.note_outcome(search_.pool(), member, BackendOutcome::error);
    if (stage == FailedTry::Stage::connecting)
        search_.pool().balancer.note_connect_failure(member, context_.loop.now());
}

// A tunnel begins: that is a success now, not when it ends.
void Exchange::note_switch() { context_.note_outcome(search_.pool(), search_.last(), BackendOutcome::success); }

void Exchange::find_affinity(const RequestHead& head) {
    const auto& asked = pool();
    std::optional<std::uint64_t> key;
    if (asked.config.algorithm == conf::Algorithm::hash) key = hash_key(asked.config.hash, head, client_.ip);
    const auto belonging = asked.config.sticky ? find_belonging(asked, head, unix_now()) : Belonging{};
    search_.go_by(key, belonging.member);
    cookie_is_stale_ = belonging.stale;
    if (!asked.config.sticky) return;
    const auto told = head.find(FieldId::x_forwarded_proto);
    if (same_word(told, "https") && trust_in(client_) == Trust::trusted) scheme_ = Scheme::https;
}

// A client that belongs nowhere, or to a backend that is out, belongs to whoever answers it from now on. One whose
// backend is merely full is somebody else's guest for once.
void Exchange::keep_client_with(std::size_t member) {
    const auto home = search_.home();
    const bool guest = home && *home != member && search_.pool().balancer.is_home(*home, context_.loop.now());
    cookie_.clear();
    if (!guest && (home != member || cookie_is_stale_)) cookie_ = make_cookie(pool(), member, unix_now(), scheme_);
}

// Answers with a page, where the client can still be told.
Task<Connection> Exchange::answer(int status) {
    const bool begun = report_.status != 0;
    if (begun || client_.aborted || status == client_closed_request) {
        if (!begun) report_.status = client_closed_request;
        client_.socket.close(begun ? HowToClose::reset : HowToClose::gracefully);
        co_return Connection::close;
    }
    report_.status = status;
    if (framing_.kind != BodyKind::none || status == 408) next_ = Connection::close; // its body is not read
    Buffer page(context_.heads);
    write_page(page, status, next_, answer_to_ == AnswerTo::head ? PageBody::left_out : PageBody::sent, retry_after_);
    client_.expire_in(view_->snapshot->config.timeouts.client_idle);
    while (!page.empty()) {
        const iovec part{page.data(), page.size()};
        const auto sent = client_.socket.send({&part, 1});
        if (sent.status == IoStatus::failed) co_return Connection::close;
        page.consume(sent.bytes);
        report_.bytes_out += sent.bytes;
        if (page.empty()) break;
        co_await client_.fiber.wait();
        if (client_.aborted || client_.timer.expired()) co_return Connection::close;
    }
    co_return next_;
}

} // namespace weir::proxy::http
