#include "proxy/http/exchange.h"

#include "proxy/http/authentication.h"
#include "proxy/http/call_end.h"
#include "proxy/http/error_page.h"
#include "proxy/http/page_fields.h"
#include "proxy/http/request_buffering.h"
#include "proxy/http/request_trailers.h"
#include "proxy/http1/keep_alive.h"
#include "proxy/worker/begin_record.h"

#include <algorithm>
#include <utility>

namespace weir::proxy::http {
namespace {

using Blame = AttemptVerdict::Blame;
using Next = AttemptVerdict::Next;
using std::chrono::duration_cast;

log::RequestTexts texts_of(const Client& client, const RequestHead& head) {
    using conf::HttpVersion;
    const auto version = client.stream.is_multiplexed() ? HttpVersion::http2
                         : head.minor_version == 0      ? HttpVersion::http1_0
                                                        : HttpVersion::http1_1;
    return {head.method, head.target, head.authority, head.find(FieldId::referer), head.find(FieldId::user_agent),
            version};
}

} // namespace

Exchange::Exchange(Client& client, RequestHead& head)
    : client_(client), incoming_(client, head),
      record_(begin_record(client, *incoming_.listener, incoming_.origin.client_ip(), texts_of(client, head))),
      selection_(client, this), prepared_(client, incoming_, ids_, record_),
      connection_(client.is_draining() ? Connection::close : incoming_.plan.connection) {
    record_.bytes.received = head.length;
    client_.deadline = incoming_.grpc.deadline;
    ids_.assign(incoming_, head, client.context.scratch.random);
    record_.ids = ids_.texts();
    const auto& plan = incoming_.plan;
    if (const auto* route = incoming_.route()) {
        record_.path.route = route->config.name;
        if (route->users) authorization_ = head.find_only("authorization");
    }
    if (plan.refusal || plan.route.pool == no_pool) return;
    selection_.begin(incoming_.view, *incoming_.view->pools[plan.route.pool]);
    record_.path.pool = pool().config.name;
    head.path = plan.normal_path();
    prepared_.prepare(head, selection_);
}

const log::AccessRecord& Exchange::finish_record() {
    record_.durations.took = duration_cast<log::Microseconds>(LoopClock::now() - incoming_.began);
    if (const auto* route = incoming_.route(); route && route->grpc_methods && incoming_.grpc.is_call)
        count_call(*route->grpc_methods, client_.context.index, incoming_.plan.normal_path(), record_);
    return record_;
}

bool Exchange::uses_path(const TrafficPath& path) const {
    const auto& own = record_.path;
    return path.listener == own.listener && path.pool == own.pool && path.route == own.route;
}

Task<Connection> Exchange::run() {
    if (incoming_.plan.refusal) co_return co_await answer(incoming_.plan.refusal);
    if (!incoming_.plan.redirect.host.empty()) co_return co_await redirect_to_https();
    if (const auto* route = incoming_.route(); route && route->users) {
        const auto failure = co_await check_password_of(*route->users);
        if (failure) co_return co_await answer(failure);
    }
    if (const auto* route = incoming_.route(); route && route->auth_pool != no_pool) {
        const auto after = co_await authorize();
        if (after) co_return *after;
    }
    if (incoming_.plan.route.pool == no_pool) co_return co_await respond_by_route(incoming_.route()->config);
    begin_mirroring();
    if (incoming_.plan.delivery == BodyDelivery::stored) {
        const auto failure = co_await receive_body();
        if (failure) co_return co_await answer(failure);
    }
    client_.context.budget.count_request(client_.context.loop.now());
    failure_ = {FailureReason::no_backend};
    while (!client_.is_late()) {
        auto selected = selection_.try_select();
        if (selected.outcome != Selection::Outcome::chosen) selected = co_await wait_for_backend();
        if (selected.outcome != Selection::Outcome::chosen) break;
        begin_try(selected.member);
        const bool first = selection_.tries() == 1;
        auto ended = co_await try_backend(first ? ConnectionUse::any_request : ConnectionUse::request, 0);
        // A kept connection that the backend has just closed, or a stream that it has not processed, says nothing about
        // the backend, and costs no attempt.
        for (int again = 1; ended == Try::stale; ++again) {
            count_retry();
            ended = co_await try_backend(ConnectionUse::request, again);
        }
        selected.seat.leave();
        if (ended == Try::finished) co_return connection_;
        if (ended == Try::stopped) break;
    }
    co_return co_await answer(failure_);
}

// Lets in a client that knows a password of the route. Returns why it does not.
Task<Failure> Exchange::check_password_of(const conf::Users& users) {
    const auto authentication = co_await authenticate(client_, users, authorization_);
    record_.user = authentication.user;
    co_return authentication.failure;
}

// Asks the route's authentication service. If the request is not served, responds and returns what to do with the
// client's connection.
Task<std::optional<Connection>> Exchange::authorize() {
    ForwardAuth auth(client_, incoming_, ids_, record_);
    auto result = co_await auth.run();
    if (result.failure) co_return co_await answer(result.failure);
    if (result.decision == AuthDecision::denied) co_return co_await deny(result.response);
    if (incoming_.plan.route.pool != no_pool) prepared_.take_fields(std::move(result.copied), selection_);
    co_return std::nullopt;
}

Task<Connection> Exchange::deny(const SubResponse& response) {
    if (incoming_.grpc.is_call) {
        record_.status = response.status;
        const bool asks_to_log_in = response.status >= 300 && response.status < 400;
        if (asks_to_log_in) note_call_status(grpc::Status::unauthenticated);
        co_return co_await respond({});
    }
    std::optional<HeadEdit> edit;
    if (const auto* headers = response_headers()) edit.emplace(HeadEdit{*headers, variables()});
    co_return co_await send_denial(client_, response, incoming_, connection_, edit ? &*edit : nullptr, record_);
}

void Exchange::begin_mirroring() {
    const auto* route = incoming_.route();
    if (!route || route->mirror_pool == no_pool) return;
    mirroring_ = std::make_unique<Mirroring>(client_, incoming_, prepared_);
    mirroring_->begin();
}

// Receives the whole body, which the backend then gets with its length. Returns why that failed, if it did.
Task<Failure> Exchange::receive_body() {
    auto& context = client_.context;
    body_ = std::make_unique<BodyStore>(context.bodies, context.loop, client_.fiber);
    RequestBuffering buffering(client_, incoming_, prepared_.timeouts(), *body_,
                               mirroring_ ? mirroring_->tap() : nullptr, record_);
    const auto failure = co_await buffering.run();
    if (failure) body_.reset(); // other bodies may need its space
    else prepared_.use_stored_body(body_->size(), selection_);
    co_return failure;
}

// Waits in the pool's queue, if it has one. Sets `failure_` if no backend was selected.
Task<Selection> Exchange::wait_for_backend() {
    auto selected = co_await selection_.wait_for_slot(client_.deadline);
    if (selected.outcome == Selection::Outcome::client_gone) failure_ = client_left(client_);
    if (selected.outcome == Selection::Outcome::full || selected.outcome == Selection::Outcome::late) {
        failure_ = {selected.outcome == Selection::Outcome::full ? FailureReason::queue_full
                                                                 : FailureReason::queue_timeout};
        const auto& queue = pool().config.queue;
        retry_after_ = std::max(std::chrono::seconds(1),
                                std::chrono::ceil<std::chrono::seconds>(queue ? queue->timeout : conf::Duration(0)));
    }
    co_return selected;
}

void Exchange::begin_try(std::size_t member) {
    prepared_.choose(member, selection_);
    auto& tried = link();
    record_.path.backend = tried.backend().name();
    tried.counters().requests.add();
    if (selection_.tries() > 1) count_retry();
    if (mirroring_) mirroring_->on_backend_chosen();
}

// Tries the selected backend. Sets `failure_` unless the exchange finished.
Task<Exchange::Try> Exchange::try_backend(ConnectionUse use, int again) {
    if (use == ConnectionUse::any_request && !may_share_connections(pool())) use = ConnectionUse::request;
    if (!incoming_.plan.upgrade.empty() && pool().config.protocol != conf::BackendProtocol::http1)
        use = ConnectionUse::upgrade;
    const BackendConnector connector(
        client_, prepared_.timeouts().connect, use,
        settings_for(*selection_.pool().spec, selection_.last(), incoming_.origin.address));
    Connected connected{connector.acquire(link())};
    if (!connected.connection) {
        connected = co_await connector.connect(link());
        failure_ = connected.failure;
        if (connected.took) record_.durations.connect = duration_cast<log::Microseconds>(*connected.took);
        if (failure_ && client_.is_late()) co_return Try::stopped;
        if (failure_) co_return is_hopeless(failure_.reason) ? Try::stopped : fail_to_connect();
    }
    std::optional<HeadEdit> edit;
    if (const auto* headers = response_headers()) edit.emplace(HeadEdit{*headers, variables()});
    const auto mapping = prepared_.response_mapping();
    // A stored body has been copied as it came.
    auto* tap = mirroring_ && !body_ ? mirroring_->tap() : nullptr;
    const RequestTrailers request_trailers(incoming_, client_.context.scratch);
    ForwardAttempt attempt({client_, incoming_.plan, body_.get(), incoming_.config().limits, prepared_.timeouts(),
                            prepared_.head(), prepared_.cookie(), edit ? &*edit : nullptr,
                            mapping ? &*mapping : nullptr, record_, connection_, *this, tap, request_trailers},
                           *connected.connection);
    const auto result = co_await attempt.run();
    // A backend may reset a stream, whatever the age of its connection.
    const auto failed = connected.connection->stream.failure().kind;
    const bool is_reset = failed == StreamFailure::Kind::reset;
    const bool is_kept = !connected.took && !is_reset && use == ConnectionUse::any_request;
    const auto age = is_kept ? ConnectionAge::kept : ConnectionAge::fresh;
    const auto removal = connected.connection->is_cut() ? Removal::removed : Removal::none;
    co_return conclude(attempt, {result, age, attempt.upload_end(), removal, reconnection_after(again, failed)},
                       std::move(connected.connection));
}

// Acts on the end of an attempt.
Exchange::Try Exchange::conclude(const ForwardAttempt& attempt, const EndedAttempt& ended,
                                 BackendConnectionPtr connection) {
    const auto verdict = judge(ended, incoming_.plan);
    failure_ = attempt.failure();
    record_.offending = attempt.offending();
    switch (verdict.next) {
    case Next::finished:
        if (incoming_.grpc.is_call && record_.status == 200) note_call_status(grpc::find_status(attempt.trailers()));
        if (verdict.blame == Blame::backend && !is_tunnel_) note_outcome(); // a switch was counted when it began
        keep(attempt, std::move(connection));
        return Try::finished;
    case Next::reconnect: return Try::stale;
    case Next::retry:
        note_failure(verdict.blame);
        return try_again_from(ended.result == AttemptResult::refused ? TryStage::connecting : TryStage::sent);
    case Next::stop: note_failure(verdict.blame); return Try::stopped;
    }
    return Try::stopped;
}

// Counts a whole response for or against the backend. Calls of gRPC fail with HTTP status 200.
void Exchange::note_outcome() {
    auto& outcomes = client_.context.outcomes;
    auto status = record_.status;
    if (record_.grpc_status) {
        const auto own = static_cast<grpc::Status>(*record_.grpc_status);
        status = grpc::http_status_of(own);
        if (own == grpc::Status::deadline_exceeded && incoming_.grpc.has_deadline())
            return outcomes.note_missed_deadline(selection_.pool(), selection_.last());
    }
    outcomes.note(selection_.pool(), selection_.last(), outcome_of_status(status));
}

// Gives the backend's connection back for other requests, if it may carry them.
void Exchange::keep(const ForwardAttempt& attempt, BackendConnectionPtr connection) {
    if (!may_share_connections(pool()) || !attempt.may_reuse()) return;
    const auto& keepalive = pool().config.keepalive;
    const IdleStart idle_since{client_.context.loop.now(), attempt.last_heard()};
    const auto until = keep_until(idle_since, keepalive.idle_timeout, attempt.idle_timeout_of_backend());
    link().release(std::move(connection), keepalive.max_idle, until);
}

Exchange::Try Exchange::fail_to_connect() {
    note_failure(Blame::backend);
    selection_.pool().balancer.note_connect_failure(selection_.last(), client_.context.loop.now());
    return try_again_from(TryStage::connecting);
}

// Counts a failed try according to `blame`.
void Exchange::note_failure(Blame blame) {
    if (blame == Blame::none) return;
    const auto member = selection_.last();
    link().counters().failures.add();
    if (blame == Blame::deadline) return client_.context.outcomes.note_missed_deadline(selection_.pool(), member);
    if (blame == Blame::backend)
        client_.context.outcomes.note(selection_.pool(), member, outcome_of_failure(failure_.reason));
    auto record = record_;
    record.failure = failure_;
    if (record.status == 0) record.status = status_of(failure_.reason);
    record_try(record, member);
}

Exchange::Try Exchange::try_again_from(TryStage stage) {
    const bool allowed = may_retry(stage, incoming_.plan) && selection_.may_try_again(incoming_.config().retries);
    return allowed ? Try::failed : Try::stopped;
}

void Exchange::count_retry() {
    ++record_.retries;
    client_.context.counters.retries.add();
    link().counters().retries.add();
}

void Exchange::record_try(const log::AccessRecord& record, std::size_t member) {
    client_.context.recorder.record_try(record, *pool().members[member].backend);
}

void Exchange::on_answer_begun(TimePoint asked) {
    const auto now = client_.context.loop.now();
    record_.durations.first_byte = duration_cast<log::Microseconds>(now - incoming_.began);
    const auto took = duration_cast<std::chrono::microseconds>(now - asked);
    traffic().workers.own(client_.context.index).response_times.add(took);
    if (!incoming_.grpc.is_call) return;
    record_.grpc_status.reset();
    note_call_status(grpc::find_status(client_.context.scratch.response));
}

// A protocol switch counts as a success now, not when the tunnel ends.
void Exchange::on_switched() {
    is_tunnel_ = true;
    client_.context.outcomes.note(selection_.pool(), selection_.last(), BackendOutcome::success);
}

// Returns why the request has failed: whatever it was, once the client's deadline has passed, only that counts.
Failure Exchange::in_time(const Failure& failure) const {
    const bool has_left = client_.aborted || failure.reason == FailureReason::client_closed;
    if (has_left || !client_.is_late() || failure.reason == FailureReason::deadline_exceeded) return failure;
    return {FailureReason::deadline_exceeded, "before the response began"};
}

// Sends an error page, if the client can still receive one.
Task<Connection> Exchange::answer(const Failure& why) {
    const bool begun = record_.status != 0;
    const auto failure = begun ? why : in_time(why);
    record_.failure = failure;
    if (!begun) record_.status = status_of(failure.reason), record_.grpc_status.reset();
    if (incoming_.plan.retry_after.count() > 0) retry_after_ = incoming_.plan.retry_after;
    const bool may_pass_soon =
        failure.reason == FailureReason::too_many_logins || failure.reason == FailureReason::resource_exhausted;
    if (may_pass_soon) retry_after_ = std::chrono::seconds(1);
    if (begun || client_.aborted || failure.reason == FailureReason::client_closed) {
        client_.stream.close(begun ? HowToClose::reset : HowToClose::gracefully);
        co_return Connection::close;
    }
    co_return co_await respond({});
}

// Sends the redirect of a listener whose requests should come over https.
Task<Connection> Exchange::redirect_to_https() {
    constexpr int permanent_redirect = 308; // unlike 301, it keeps the method (RFC 9110 section 15.4.9)
    record_.status = permanent_redirect;
    const auto& [host, path] = incoming_.plan.redirect;
    auto location = "https://" + std::string(host);
    if (path.empty() || path.front() != '/') location += '/';
    co_return co_await respond(location.append(path));
}

// Sends the redirect or the response of a route that needs no backend.
Task<Connection> Exchange::respond_by_route(const conf::Route& route) {
    const bool lacks_host =
        route.redirect && record_.request.host.empty() && route.redirect->to.find("{host}") != std::string::npos;
    if (lacks_host) co_return co_await answer({FailureReason::bad_request, "no Host to redirect to"});
    record_.status = static_cast<int>(route.redirect ? route.redirect->status : route.respond->status);
    if (route.redirect) co_return co_await respond(fill_in_location(route.redirect->to, variables()));
    co_return co_await respond({}, &*route.respond);
}

// Sends a page with the status of the record. `location` may be empty, and `fixed` is null unless the page is
// configured.
Task<Connection> Exchange::respond(std::string location, const conf::FixedResponse* fixed) {
    const auto& plan = incoming_.plan;
    if ((plan.framing.has_body() && !body_) || record_.status == 408)
        connection_ = Connection::close; // the body is not read
    const auto body = plan.answer_to == AnswerTo::head ? PageBody::left_out : PageBody::sent;
    Page page{record_.status, connection_, body, record_.request.version, retry_after_, {}, location};
    // A client of gRPC reads no page: it gets a status, in a head without a body.
    const bool is_call = incoming_.grpc.is_call && record_.status != 200;
    if (is_call) begin_call_error(page, record_);
    else if (const auto* own = fixed || !location.empty() ? nullptr : error_page())
        page.text = *own->body, page.content_type = own->content_type;
    Buffer fields;
    const auto reason = record_.failure.reason;
    const bool limited = reason == FailureReason::rate_limited, unauthorized = reason == FailureReason::unauthorized;
    if (const auto* edit = response_headers(); edit || fixed || limited || unauthorized || is_call) {
        fields = Buffer(client_.context.buffers.heads);
        PageFields own(page, fields, variables(), edit);
        if (limited) own.add_rate_limit_fields(*incoming_.route()->limiter);
        if (unauthorized) own.add_basic_challenge(incoming_.route()->config.basic_auth->realm);
        if (is_call) own.add_call_status(*record_.grpc_status, call_message(record_.status, fixed));
        else if (fixed) own.use(*fixed, incoming_.route()->page);
        own.change();
    }
    co_return co_await send_page(client_, page, incoming_.config().timeouts.client_idle, record_);
}

// Returns the configured page for the status of the record: the route's, or else its pool's; null if there is none.
const PageText* Exchange::error_page() const {
    const auto* route = incoming_.route();
    const auto* page = route ? route->error_pages.find(record_.status) : nullptr;
    const auto pool = incoming_.plan.route.pool;
    if (page || pool == no_pool) return page;
    return incoming_.view->pools[pool]->spec->error_pages.find(record_.status);
}

// Returns the changes to the headers of the response; null if there are none.
const conf::HeaderEdit* Exchange::response_headers() const {
    const auto* route = incoming_.route();
    return route && !route->config.response_headers.empty() ? &route->config.response_headers : nullptr;
}

} // namespace weir::proxy::http
