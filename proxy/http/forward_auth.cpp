#include "proxy/http/forward_auth.h"

#include "proxy/http/affinity.h"
#include "proxy/http/error_page.h"
#include "proxy/http/prepared_request.h"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::proxy::http {
namespace {

// Client fields that are not sent to the service: fields that only weir may set, alternative names for them that
// services read, and fields that apply to the requested resource or to the body.
const std::array<std::string, 18> replaced_names{"X-Forwarded-Method",
                                                 "X-Forwarded-Uri",
                                                 "X-Original-Method",
                                                 "X-Original-URL",
                                                 "X-Original-URI",
                                                 "X-Rewrite-URL",
                                                 "X-Auth-Request-Redirect",
                                                 "If-Match",
                                                 "If-None-Match",
                                                 "If-Modified-Since",
                                                 "If-Unmodified-Since",
                                                 "If-Range",
                                                 "Range",
                                                 "Content-Type",
                                                 "Content-Encoding",
                                                 "Content-Language",
                                                 "Content-Location",
                                                 "Content-Range"};

// Returns true if a request has ended for a reason that is neither the service's nor its pool's.
bool has_ended(const Failure& failure) {
    return failure.reason == FailureReason::client_closed || failure.reason == FailureReason::drained;
}

} // namespace

Task<AuthResult> ForwardAuth::run() {
    auto result = co_await ask();
    const bool proceeds = result.decision == AuthDecision::unavailable && may_proceed(result.failure.reason) &&
                          auth_.on_unavailable == conf::OnUnavailable::proceed;
    if (proceeds) co_return AuthResult{AuthDecision::allowed};
    if (result.failure && !has_ended(result.failure)) result.failure = auth_unavailable(result.failure);
    co_return result;
}

void ForwardAuth::begin() {
    client_.context.budget.count_request(client_.context.loop.now());
    selection_.begin(incoming_.view, *incoming_.view->pools[incoming_.route()->auth_pool]);
    if (pool().config.algorithm != conf::Algorithm::hash) return;
    if (const auto* head = incoming_.read_head_again(client_.context.scratch))
        selection_.go_by(hash_key(pool().config.hash, *head, incoming_.origin.client_ip()), std::nullopt);
}

Task<AuthResult> ForwardAuth::ask() {
    begin();
    result_.failure = {FailureReason::no_backend};
    for (;;) {
        auto selected = selection_.try_select();
        if (selected.outcome != Selection::Outcome::chosen) selected = co_await selection_.wait_for_slot(until_);
        if (selected.outcome != Selection::Outcome::chosen) {
            explain(selected.outcome);
            break;
        }
        auto response = co_await ask_backend(selected.member);
        const auto next = conclude(std::move(response));
        selected.seat.leave();
        if (next == Next::finish) break;
        client_.context.counters.retries.add();
    }
    co_return std::move(result_);
}

// Sets the failure of a request for which no backend was selected.
void ForwardAuth::explain(Selection::Outcome outcome) {
    if (outcome == Selection::Outcome::client_gone) result_.failure = client_left(client_);
    if (outcome == Selection::Outcome::full) result_.failure = {FailureReason::queue_full};
    if (outcome == Selection::Outcome::late) result_.failure = {FailureReason::queue_timeout};
}

Task<SubResponse> ForwardAuth::ask_backend(std::size_t member) {
    auto& counters = link().counters();
    counters.requests.add();
    if (selection_.tries() > 1) counters.retries.add();
    Buffer head(client_.context.buffers.heads);
    write_head(head, member);
    SubRequest request({.client = client_,
                        .pool = selection_.pool(),
                        .member = member,
                        .address = incoming_.origin.address,
                        .head = head,
                        .limits = incoming_.config().limits,
                        .until = std::min<TimePoint>(until_, client_.context.loop.now() + pool().timeouts.connect +
                                                                 pool().timeouts.response)});
    co_return co_await request.run();
}

void ForwardAuth::write_head(Buffer& out, std::size_t member) {
    const auto* head = incoming_.read_head_again(client_.context.scratch);
    if (!head) return;
    const auto& origin = incoming_.origin;
    write_proxy_header(out, client_, origin.address, pool());
    const auto host = head->authority.empty() ? host_of_member(pool(), member) : "";
    const auto to_backend = may_share_connections(pool()) ? Connection::keep : Connection::close;
    ClientFacts facts{origin.peer_ip, origin.trust, client_.scheme(), to_backend, origin.client_ip(), host};
    facts.method = "GET";
    facts.path = auth_.path;
    facts.expect = ExpectField::left_out;
    if (incoming_.listener->config.request_id) facts.request_id = ids_.texts().request;
    facts.new_traceparent = ids_.new_traceparent();
    const auto described = describe_request(record_.request.method, incoming_.plan.normal_path());
    const ReplacedFields replaced{replaced_names, described};
    write_request(out, *head, Framing{}, facts, {}, nullptr, &replaced);
}

// Acts on the end of a sub-request. Sets the result.
ForwardAuth::Next ForwardAuth::conclude(SubResponse response) {
    const auto decision = response.status > 0 ? decide_by_status(response.status) : AuthDecision::unavailable;
    // A denial holds whatever becomes of its body, and a permission even if the rest of its body is late.
    const bool is_denial = decision == AuthDecision::denied && response.end != SubRequestEnd::aborted;
    const bool is_answer = response.end == SubRequestEnd::answered || is_denial ||
                           (response.end == SubRequestEnd::timed_out && decision == AuthDecision::allowed);
    if (response.end != SubRequestEnd::answered) response.body.clear();
    if (is_answer) {
        result_.decision = decision;
        result_.failure = {};
        client_.context.outcomes.note(selection_.pool(), selection_.last(), outcome_of_status(response.status));
        if (decision == AuthDecision::unavailable)
            result_.failure = {FailureReason::auth_unavailable, "the service responded with a 5xx"};
        if (decision == AuthDecision::allowed) take_fields(response.head);
        else if (decision == AuthDecision::denied) result_.response = std::move(response);
        return Next::finish;
    }
    result_.failure = response.failure;
    if (client_.is_late()) return Next::finish; // it is the client that has given the service so little time
    switch (response.end) {
    case SubRequestEnd::no_connection:
        if (is_hopeless(response.failure.reason)) return Next::finish;
        if (response.failure.reason == FailureReason::backend_removed) return try_again();
        blame();
        selection_.pool().balancer.note_connect_failure(selection_.last(), client_.context.loop.now());
        return try_again();
    case SubRequestEnd::no_answer:
        if (response.failure.reason != FailureReason::backend_removed) blame();
        return try_again();
    case SubRequestEnd::timed_out: blame(); return try_again();
    case SubRequestEnd::bad_answer:
        // A client can make a service send long heads, for example with the URL to come back to.
        if (response.failure.reason != FailureReason::response_head_too_large) blame();
        return Next::finish;
    default: return Next::finish;
    }
}

ForwardAuth::Next ForwardAuth::try_again() {
    const bool allowed = client_.context.loop.now() < until_ && selection_.may_try_again(incoming_.config().retries);
    return allowed ? Next::retry : Next::finish;
}

// Takes the fields for the request from the response.
void ForwardAuth::take_fields(std::string_view bytes) {
    auto& head = client_.context.scratch.response;
    if (parse_response(bytes, {bytes.size(), bytes.size()}, head).status == HeadStatus::complete)
        result_.copied = copy_fields(head, auth_.copy_headers);
}

// Counts and logs a failure of the backend that was tried last.
void ForwardAuth::blame() {
    auto& context = client_.context;
    link().counters().failures.add();
    context.outcomes.note(selection_.pool(), selection_.last(), outcome_of_failure(result_.failure.reason));
    auto record = record_;
    const auto& backend = *pool().members[selection_.last()].backend;
    record.path.pool = pool().config.name;
    record.path.backend = backend.name();
    record.failure = result_.failure;
    record.status = status_of(result_.failure.reason);
    context.recorder.record_try(record, *pool().members[selection_.last()].backend);
}

Task<Connection> send_denial(Client& client, const SubResponse& response, const IncomingRequest& incoming,
                             Connection connection, const HeadEdit* edit, log::AccessRecord& record) {
    auto& head = client.context.scratch.response;
    const HeadLimits passed_before{response.head.size(), response.head.size()};
    const bool is_legal = parse_response(response.head, passed_before, head).status == HeadStatus::complete;
    if (!is_legal) co_return Connection::close; // never in practice
    record.status = response.status;
    if (incoming.plan.framing.has_body() || client.is_draining()) connection = Connection::close; // it is not read
    const bool has_body = incoming.plan.answer_to == AnswerTo::other && response.status != 304;
    const std::string_view body = has_body ? std::string_view(response.body) : std::string_view();
    Framing framing{has_body ? BodyKind::length : BodyKind::none, response.body.size()};
    if (response.status == 304) framing = response_framing(head, AnswerTo::other).framing;
    Buffer out(client.context.buffers.heads);
    write_response(out, head,
                   {.framing = framing,
                    .client = record.request.version,
                    .connection = connection,
                    .date = client.context.scratch.date_now(),
                    .edit = edit});
    const auto sent = co_await send_whole(client, out, body, incoming.config().timeouts.client_idle, record);
    if (sent == SentPart::some) co_return Connection::close;
    record.bytes.body += body.size();
    co_return connection;
}

} // namespace weir::proxy::http
