#include "proxy/http/request_plan.h"

namespace weir::proxy::http {
namespace {

// Returns why a request with this framing is not forwarded, whatever its route.
Failure find_refusal(const FramingResult& framed, Expectation expectation, const conf::Limits& limits) {
    if (framed.error) return {FailureReason::bad_request, framed.error};
    if (expectation == Expectation::unsupported) return {FailureReason::unsupported_expectation};
    const auto limit = limits.body_size.bytes;
    if (limit && framed.framing.kind == BodyKind::length && framed.framing.length > limit)
        return {FailureReason::body_too_large, "Content-Length is over the limit"};
    return {};
}

} // namespace

bool is_idempotent(std::string_view method) {
    for (const std::string_view known : {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
        if (method == known) return true;
    return false;
}

RequestPlan plan_request(const RequestHead& head, const Snapshot& snapshot, const ListenerSpec& listener) {
    RequestPlan plan;
    const auto framed = request_framing(head);
    const auto options = connection_options(head.fields);
    const auto expectation = expectation_of(head.fields);
    const bool keeps = !options.close && (head.minor_version == 1 || options.keep_alive);
    plan.framing = framed.framing;
    plan.answer_to = head.method == "HEAD" ? AnswerTo::head : AnswerTo::other;
    plan.connection = keeps && !framed.error ? Connection::keep : Connection::close;
    plan.refusal = find_refusal(framed, expectation, snapshot.config.limits);
    if (plan.refusal) return plan;
    plan.route = choose_route(snapshot, listener, head.authority, head.path);
    if (plan.route.pool == no_pool) plan.refusal = {FailureReason::no_route};
    if (plan.refusal) return plan;
    if (is_idempotent(head.method)) plan.idempotence = Idempotence::idempotent;
    if (expectation == Expectation::go_ahead && head.minor_version == 1 && plan.framing.has_body())
        plan.continue_wish = ContinueWish::may_wait;
    plan.upgrade = requested_upgrade(head, options, plan.framing);
    return plan;
}

} // namespace weir::proxy::http
