#include "proxy/http/exchange.h"

#include "proxy/http/forward_attempt.h"
#include "proxy/http/forwarded.h"
#include "proxy/http1/chars.h"
#include "proxy/http1/keep_alive.h"
#include "proxy/snapshot/timeouts.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

constexpr int switching_protocols = 101;

const conf::HeaderEdit no_edit;

std::uint32_t unix_now() {
    return static_cast<std::uint32_t>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
}

} // namespace

Exchange::Exchange(Client& client, const RequestHead& head)
    : client_(client), context_(client.context), view_(client.listener->view), spec_(client.listener->spec),
      traffic_(spec_->unrouted.get()), began_(client.context.loop.now()),
      trust_(client.speaks_for_others() ? Trust::trusted : Trust::untrusted), selection_(client, this) {
    report_.method = head.method;
    report_.target = head.target;
    report_.host = head.authority;
    report_.minor_version = head.minor_version;
    report_.referer = head.find(FieldId::referer);
    report_.user_agent = head.find(FieldId::user_agent);
    report_.bytes_in = head.length;
    find_client_address(head);
    failure_ = decide(head);
}

log::AccessRecord Exchange::describe() const {
    using std::chrono::duration_cast;
    log::AccessRecord record;
    record.client = client_ip();
    record.peer = client_.peer();
    record.method = report_.method;
    record.target = report_.target;
    record.host = report_.host;
    record.referer = report_.referer;
    record.user_agent = report_.user_agent;
    record.listener = spec_->config.name;
    record.route = report_.route;
    record.pool = report_.pool;
    record.backend = report_.backend;
    record.minor_version = report_.minor_version;
    record.status = report_.status;
    record.failure = report_.failure;
    record.offending = report_.offending;
    record.received_bytes = report_.bytes_in;
    record.sent_bytes = report_.bytes_out;
    record.body_bytes = report_.body_bytes;
    record.took = duration_cast<log::Microseconds>(Clock::now() - began_);
    if (report_.connect) record.connect = duration_cast<log::Microseconds>(*report_.connect);
    if (report_.first_byte) record.first_byte = duration_cast<log::Microseconds>(*report_.first_byte);
    record.retries = report_.retries;
    return record;
}

// The client is the peer of the connection, unless a trusted proxy names another one.
void Exchange::find_client_address(const RequestHead& head) {
    client_address_ = client_.address;
    if (trust_ == Trust::untrusted) return;
    const auto forwarded = find_client(head, spec_->trusted);
    if (!forwarded) return;
    client_address_ = *forwarded;
    client_ip_ = conf::IpText(*forwarded);
}

// Decides all that follows from the head alone. Returns the reason to refuse the request, or an empty failure.
Failure Exchange::decide(const RequestHead& head) {
    const auto framed = request_framing(head);
    const auto options = connection_options(head.fields);
    const bool keeps = !options.close && (head.minor_version == 1 || options.keep_alive);
    framing_ = framed.framing;
    answer_to_ = head.method == "HEAD" ? AnswerTo::head : AnswerTo::other;
    if (!keeps || client_.is_draining() || framed.error) next_ = Connection::close;
    if (framed.error) return {FailureReason::bad_request, framed.error};
    const auto expectation = expectation_of(head.fields);
    if (expectation == Expectation::unsupported) return {FailureReason::unsupported_expectation};
    const auto& snapshot = *view_->snapshot;
    const auto limit = snapshot.config.limits.body_size.bytes;
    if (limit && framing_.kind == BodyKind::length && framing_.length > limit)
        return {FailureReason::body_too_large, "Content-Length is over the limit"};
    const auto choice = choose_route(snapshot, *spec_, head.authority, head.path);
    if (choice.pool == no_pool) return {FailureReason::no_route};
    traffic_ = (choice.route ? spec_->traffic[choice.place] : spec_->own_traffic).get();
    selection_.begin(view_, *view_->pools[choice.pool]);
    listener_ = &spec_->config;
    route_ = choice.route ? &choice.route->config : nullptr;
    if (route_) report_.route = route_->name;
    report_.pool = view_->snapshot->pools[choice.pool]->config.name;
    idempotent_ = is_idempotent(head.method);
    expects_continue_ = expectation == Expectation::go_ahead && head.minor_version == 1 && framing_.has_body();
    upgrade_ = requested_upgrade(head, options, framing_);
    head_bytes_ = {head.method.data(), static_cast<std::size_t>(client_.in.data() - head.method.data())};
    prepare(head);
    return {};
}

// Computes everything that depends on the pool: a reload may change the pool while the request is queued.
void Exchange::prepare(const RequestHead& head) {
    timeouts_ = route_ ? merge_timeouts(pool().timeouts, route_->timeouts) : pool().timeouts;
    find_affinity(head);
    write_head(head);
}

// The worker has parsed other clients' heads since.
void Exchange::on_pool_changed() {
    if (const auto* head = read_head_again()) prepare(*head);
}

// Parses the head again, since the worker has parsed other clients' heads into the same object. Never null in practice.
const RequestHead* Exchange::read_head_again() {
    auto& head = context_.request;
    const HeadLimits passed_before{head_bytes_.size(), head_bytes_.size()};
    return parse_request(head_bytes_, passed_before, head).status == HeadStatus::complete ? &head : nullptr;
}

// An HTTP/1.0 request may come without a Host: the backend's own host is used then.
void Exchange::name_host(std::size_t member) {
    if (!report_.host.empty()) return;
    const auto& address = pool().config_of(pool().members[member]).address;
    const auto host = address.is_unix() ? "localhost" : address.text();
    if (const auto* head = read_head_again()) write_head(*head, host);
}

void Exchange::write_head(const RequestHead& head, std::string_view backend_host) {
    request_head_ = Buffer(context_.heads);
    if (const auto version = pool().config.send_proxy_protocol; version != conf::ProxyProtocol::none)
        request_head_.fill(client_.write_proxy_header(request_head_.space().data(), version, client_address_));
    // The side that closes first keeps the port in TIME_WAIT: better each backend than the proxy in front of them.
    const auto to_backend = may_share() ? Connection::keep : Connection::close;
    write_request(request_head_, head, framing_, {client_.ip, trust_, "http", to_backend, client_ip(), backend_host},
                  upgrade_, route_ ? route_->request_headers : no_edit);
}

bool Exchange::uses_path(const TrafficPath& path) const {
    return listener_ && path.listener == listener_->name && path.pool == report_.pool &&
           path.route == (route_ ? route_->name : std::string());
}

Task<Connection> Exchange::run() {
    if (failure_) co_return co_await answer(failure_);
    context_.budget.count_request(context_.loop.now());
    failure_ = {FailureReason::no_backend};
    co_return co_await try_backends();
}

Task<Connection> Exchange::try_backends() {
    for (;;) {
        auto selected = selection_.try_select();
        if (selected.outcome != Selection::Outcome::chosen) selected = co_await choose_another();
        if (selected.outcome != Selection::Outcome::chosen) co_return co_await answer(failure_);
        name_host(selected.member);
        cookie_.clear();
        if (pool().config.sticky) keep_client_with(selected.member);
        const auto ended = co_await try_backend(selected.member);
        selected.seat.leave();
        if (ended == Try::finished) co_return next_;
        if (ended == Try::stopped) co_return co_await answer(failure_);
    }
}

// Sets `failure_` if no backend was selected.
Task<Selection> Exchange::choose_another() {
    auto selected = co_await selection_.wait_for_slot();
    if (selected.outcome == Selection::Outcome::client_gone) failure_ = client_left();
    if (selected.outcome == Selection::Outcome::full || selected.outcome == Selection::Outcome::late) {
        failure_ = {selected.outcome == Selection::Outcome::full ? FailureReason::queue_full
                                                                 : FailureReason::queue_timeout};
        const auto& queue = pool().config.queue;
        retry_after_ = std::max(std::chrono::seconds(1),
                                std::chrono::ceil<std::chrono::seconds>(queue ? queue->timeout : conf::Duration(0)));
    }
    co_return selected;
}

// Tries one backend. Sets `failure_` unless the exchange finished.
Task<Exchange::Try> Exchange::try_backend(std::size_t member) {
    auto& link = selection_.pool().link(member);
    report_.backend = link.backend().name();
    link.counters().requests.add();
    if (selection_.tries() > 1) count_retry(link);
    auto ended =
        co_await try_connection(link, member, selection_.tries() == 1 ? Dial::kept_or_new : Dial::new_connection);
    if (ended == Try::stale) {
        // A pooled connection that the backend has just closed says nothing about the backend, and costs no attempt.
        count_retry(link);
        ended = co_await try_connection(link, member, Dial::new_connection);
    }
    co_return ended;
}

Task<Exchange::Try> Exchange::try_connection(BackendLink& link, std::size_t member, Dial dial) {
    auto connection = co_await obtain(link, dial);
    if (!connection) {
        const bool backends_fault = cause_of(failure_.reason) == FailureCause::backend;
        if (!backends_fault && failure_.reason != FailureReason::backend_removed) co_return Try::stopped;
        count_failure(link, member, FailedTry::Stage::connecting, Blame::backend);
        co_return may_try_again(FailedTry::Stage::connecting) ? Try::failed : Try::stopped;
    }
    ForwardAttempt relay(*this, *connection);
    const auto result = co_await relay.run();
    // A client that stalls, or sends what the backend refuses, can make the backend close the connection.
    auto blame = relay.is_upload_incomplete() ? Blame::none : Blame::backend;
    failure_ = relay.failure();
    report_.offending = relay.offending();
    switch (result) {
    case ForwardAttempt::Result::finished:
        if (blame == Blame::backend && report_.status != switching_protocols) // a switch was counted when it began
            context_.note_outcome(selection_.pool(), member, outcome_of_status(report_.status));
        if (may_share() && relay.may_reuse()) {
            const auto& keepalive = pool().config.keepalive;
            const IdleStart idle_since{context_.loop.now(), relay.last_heard()};
            const auto until = keep_until(idle_since, keepalive.idle_timeout, relay.idle_timeout_of_backend());
            link.release(std::move(connection), keepalive.max_idle, until);
        }
        co_return Try::finished;
    case ForwardAttempt::Result::no_answer:
        if (reused_ && may_retry({FailedTry::Stage::sent, idempotent_, !framing_.has_body()})) co_return Try::stale;
        if (reused_) blame = Blame::none; // the backend may have closed it just before the request came
        if (!connection->is_cut()) count_failure(link, member, FailedTry::Stage::sent, blame);
        co_return may_try_again(FailedTry::Stage::sent) ? Try::failed : Try::stopped;
    case ForwardAttempt::Result::slow_client:
    case ForwardAttempt::Result::bad_body:
    case ForwardAttempt::Result::large_body:
    case ForwardAttempt::Result::client_gone:
    case ForwardAttempt::Result::broken_off: co_return Try::stopped;
    case ForwardAttempt::Result::slow_answer: blame = Blame::backend; break;
    case ForwardAttempt::Result::bad_answer:
    case ForwardAttempt::Result::cut_off: break;
    }
    count_failure(link, member, FailedTry::Stage::answering, blame);
    co_return Try::stopped;
}

// Returns a pooled connection or a new one. Returns null and sets `failure_` if there is none.
Task<BackendConnectionPtr> Exchange::obtain(BackendLink& link, Dial dial) {
    const auto give_up = context_.loop.now() + timeouts_.connect;
    for (;;) {
        BackendConnectionPtr connection;
        if (may_share() && dial == Dial::kept_or_new) connection = link.acquire(); // a second try needs a new one
        reused_ = connection != nullptr;
        if (connection) {
            connection->socket.set_waker(client_.fiber);
            co_return connection;
        }
        connection = link.make();
        const auto began = context_.loop.now();
        failure_ = co_await connect(*connection);
        if (!failure_) report_.connect = context_.loop.now() - began;
        if (!failure_) co_return connection;
        if (failure_.reason != FailureReason::resource_exhausted || context_.loop.now() >= give_up) co_return nullptr;
        connection = nullptr;
        const bool still_there = co_await pause();
        if (!still_there) failure_ = client_left();
        if (!still_there) co_return nullptr;
    }
}

// Waits for other connections to free file descriptors. Returns false if the client has left.
Task<bool> Exchange::pause() {
    client_.expire_in(shortage_pause);
    while (!client_.timer.expired()) {
        co_await client_.fiber.wait();
        if (client_.aborted || client_.has_left()) co_return false;
    }
    co_return true;
}

// A connection that began with one client's PROXY header must not carry another client's requests.
bool Exchange::may_share() const { return pool().config.send_proxy_protocol == conf::ProxyProtocol::none; }

// Returns an empty failure once the connection is established, otherwise the reason.
Task<Failure> Exchange::connect(BackendConnection& connection) {
    if (const int error = context_.begin_connect(connection, client_.fiber))
        co_return Failure{is_shortage(error) ? FailureReason::resource_exhausted : reason_of_connect_error(error),
                          "connect", error};
    client_.expire_in(timeouts_.connect);
    while (!connection.socket.writable()) {
        co_await client_.fiber.wait();
        if (client_.aborted) co_return client_left();
        if (client_.timer.expired()) co_return Failure{FailureReason::connect_timeout};
        if (connection.is_cut()) co_return Failure{FailureReason::backend_removed, "while connecting"};
        if (client_.has_left()) co_return client_left();
    }
    if (const int error = connection.socket.connect_error())
        co_return Failure{reason_of_connect_error(error), "connect", error};
    co_return Failure{};
}

Failure Exchange::client_left() const {
    if (client_.aborted) return {FailureReason::drained, "the time to finish expired before the response began"};
    return {FailureReason::client_closed, "before the response began"};
}

bool Exchange::may_try_again(FailedTry::Stage stage) {
    const auto& retries = view_->snapshot->config.retries;
    const bool untouched = !framing_.has_body() || stage == FailedTry::Stage::connecting;
    if (selection_.tries() >= retries.attempts || !may_retry({stage, idempotent_, untouched})) return false;
    if (context_.budget.take(context_.loop.now(), retries.budget.value)) return true;
    context_.counters.retries_refused.add();
    return false;
}

// With Blame::none, the try counts as a failed request but not against the backend's health.
void Exchange::count_failure(BackendLink& link, std::size_t member, FailedTry::Stage stage, Blame blame) {
    link.counters().failures.add();
    if (blame == Blame::backend) context_.note_outcome(selection_.pool(), member, outcome_of_failure(failure_.reason));
    auto record = describe();
    record.failure = failure_;
    if (record.status == 0) record.status = status_of(failure_.reason);
    context_.record_try(record, *selection_.pool().spec->members[member].backend);
    if (stage == FailedTry::Stage::connecting)
        selection_.pool().balancer.note_connect_failure(member, context_.loop.now());
}

// A protocol switch counts as a success now, not when the tunnel ends.
void Exchange::note_switch() {
    tunnels_ = true;
    context_.note_outcome(selection_.pool(), selection_.last(), BackendOutcome::success);
}

// Records that the head of the final response has arrived.
void Exchange::note_answer_begun(TimePoint asked) {
    const auto now = context_.loop.now();
    report_.first_byte = now - began_;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - asked);
    traffic_->workers.own(context_.index).response_times.add(took);
}

void Exchange::find_affinity(const RequestHead& head) {
    const auto& asked = pool();
    std::optional<std::uint64_t> key;
    if (asked.config.algorithm == conf::Algorithm::hash) key = hash_key(asked.config.hash, head, client_ip());
    const auto belonging = asked.config.sticky ? find_belonging(asked, head, unix_now()) : Affinity{};
    selection_.go_by(key, belonging.member);
    cookie_is_stale_ = belonging.stale;
    if (!asked.config.sticky) return;
    const auto forwarded = head.find(FieldId::x_forwarded_proto);
    if (same_word(forwarded, "https") && trust_ == Trust::trusted) scheme_ = Scheme::https;
}

// The backend that serves a client becomes its pinned member if the client had none, or if that one is out of service.
// If the pinned member is merely full, the client keeps its cookie.
void Exchange::keep_client_with(std::size_t member) {
    const auto home = selection_.home();
    const bool guest = home && *home != member && selection_.pool().balancer.is_home(*home, context_.loop.now());
    if (!guest && (home != member || cookie_is_stale_)) cookie_ = make_cookie(pool(), member, unix_now(), scheme_);
}

// Sends an error page, if the client can still receive one.
Task<Connection> Exchange::answer(const Failure& failure) {
    const bool begun = report_.status != 0;
    report_.failure = failure;
    if (begun || client_.aborted || failure.reason == FailureReason::client_closed) {
        if (!begun) report_.status = status_of(failure.reason);
        client_.socket.close(begun ? HowToClose::reset : HowToClose::gracefully);
        co_return Connection::close;
    }
    const int status = report_.status = status_of(failure.reason);
    if (framing_.has_body() || status == 408) next_ = Connection::close; // the body is not read
    Buffer page(context_.heads);
    const auto body = answer_to_ == AnswerTo::head ? PageBody::left_out : PageBody::sent;
    const auto body_size =
        write_page(page, {status, next_, body, report_.minor_version, retry_after_, context_.date_now()});
    client_.expire_in(view_->snapshot->config.timeouts.client_idle);
    while (!page.empty()) {
        const iovec part{page.data(), page.size()};
        const auto sent = client_.socket.send({&part, 1});
        if (sent.status == IoStatus::failed) co_return Connection::close;
        page.consume(sent.bytes);
        report_.bytes_out += sent.bytes;
        if (page.empty()) report_.body_bytes = body_size;
        if (page.empty()) break;
        co_await client_.fiber.wait();
        if (client_.aborted || client_.timer.expired()) co_return Connection::close;
    }
    co_return next_;
}

} // namespace weir::proxy::http
