#include "proxy/http/request_plan.h"

#include "conf/model/url_path.h"
#include "proxy/http/client_key.h"
#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

// Returns why a request with this framing is not forwarded, whatever its route.
Failure find_refusal(const FramingResult& framed, Expectation expectation) {
    if (framed.error) return {FailureReason::bad_request, framed.error};
    if (expectation == Expectation::unsupported) return {FailureReason::unsupported_expectation};
    return {};
}

// Counts a request among those of its client that are in progress. Returns false if there are too many.
bool take_seat(RequestPlan& plan, const RouteSpec& route, const RoutedRequest& request) {
    auto& limiter = *route.concurrency;
    const auto max = route.config.concurrency_limit->max;
    const auto key = find_client_key(limiter.key(), request);
    const auto decision = key.empty() ? limiter.admit(request.client, max) : limiter.admit(key, max);
    if (decision.slot) plan.seat = {route.concurrency, decision.slot};
    return decision.accepted;
}

// Counts a request against the limit of its route.
limits::RateDecision count_request(limits::RateLimiter& limiter, const RoutedRequest& request, TimePoint now) {
    const auto key = find_client_key(limiter.key(), request);
    return key.empty() ? limiter.take(request.client, now) : limiter.take(key, now);
}

// Returns why the route or the listener's pool does not serve a request.
Failure find_refusal(RequestPlan& plan, const RoutedRequest& request, TimePoint now) {
    const auto* route = plan.route.route;
    if (!route && plan.route.pool == no_pool) return {FailureReason::no_route};
    if (route && !route->access.allow(request.client)) return {FailureReason::access_denied};
    if (route && route->concurrency && !take_seat(plan, *route, request)) {
        plan.retry_after = std::chrono::seconds(1); // when a request will end is not known
        return {FailureReason::concurrency_limited};
    }
    if (route && route->limiter) {
        const auto verdict = count_request(*route->limiter, request, now);
        plan.retry_after = std::chrono::ceil<std::chrono::seconds>(verdict.wait);
        if (!verdict.accepted) return {FailureReason::rate_limited};
    }
    if (plan.body_limit && plan.framing.kind == BodyKind::length && plan.framing.length > plan.body_limit)
        return {FailureReason::body_too_large, "Content-Length is over the limit"};
    return {};
}

// Returns why a request does not belong on its connection, whose client was verified for another site or under other
// rules (RFC 9110 section 15.5.20).
Failure find_misdirection(const RequestHead& head, const ListenerSpec& listener, const tls::ClientIdentity* identity) {
    const std::string_view wanted = listener.tls ? listener.tls->client_policy() : std::string_view();
    if ((identity ? identity->policy : std::string_view()) != wanted)
        return {FailureReason::misdirected_request, "the rules for client certificates have changed"};
    if (!identity) return {};
    const auto& requested = identity->requested_name;
    if (requested.empty() || same_word(without_root(host_of(head.authority)), requested)) return {};
    return {FailureReason::misdirected_request, "Host is not the name that the TLS connection was made for"};
}

// Challenges that prove the control of a domain come over plain HTTP (RFC 8555 section 8.3). A token is in base64url.
bool is_acme_challenge(std::string_view path) {
    constexpr std::string_view folder = "/.well-known/acme-challenge/";
    const auto is_token_char = [](char c) { return is_plain(c) || c == '_'; };
    if (!path.starts_with(folder) || path.size() == folder.size()) return false;
    path.remove_prefix(folder.size());
    return std::all_of(path.begin(), path.end(), is_token_char);
}

// Returns true if the listener redirects this request to https.
bool must_redirect(const RequestHead& head, const ListenerSpec& listener, Trust trust) {
    if (!listener.config.redirect_https || is_acme_challenge(head.path)) return false;
    // A trusted proxy in front may have terminated TLS: a redirect would only come back.
    return trust != Trust::trusted || !same_word(head.find(FieldId::x_forwarded_proto), "https");
}

bool changes_path(const conf::PathRewrite& rules) {
    return !rules.strip_prefix.empty() || !rules.regex.empty() || !rules.add_prefix.empty();
}

// Chooses the route of a request. `path` is its normalized path as it is forwarded, `matched` as routes see it, and
// `query` is the rest of its target.
void find_route(RequestPlan& plan, std::string_view path, std::string_view query, const Snapshot& snapshot,
                const ListenerSpec& listener, const RoutedRequest& request, const RequestClient& client) {
    plan.route = choose_route(snapshot, listener, request, client.random);
    const auto* route = plan.route.route;
    const auto& limit = snapshot.config.limits.body_size;
    plan.body_limit = (route ? route->config.body_size.value_or(limit) : limit).bytes;
    plan.refusal = find_refusal(plan, request, client.now);
    const bool may_rewrite = route && route->config.rewrite && path != "*";
    const bool new_path = may_rewrite && changes_path(*route->config.rewrite);
    const bool new_query = may_rewrite && route->query_rewriter.changes(query);
    if (!new_path && !new_query && path.data() == plan.received_path.data()) return;
    auto changed = std::make_unique<ChangedPath>();
    changed->normal.append(path).append(query);
    if (new_path) changed->rewritten = route->rewriter.rewrite(path, request.path, request.worker);
    // An expression may have put "." or ".." together.
    const bool escapes = listener.config.path_normalization != conf::PathNormalization::none && !plan.refusal &&
                         conf::has_dot_segment(changed->rewritten);
    if (escapes) plan.refusal = {FailureReason::bad_request, "the rewritten path has a dot segment"};
    if (new_query && !new_path) changed->rewritten = path;
    if (new_query) route->query_rewriter.append_rewritten(changed->rewritten, query);
    else if (new_path) changed->rewritten.append(query);
    plan.changed_path = std::move(changed);
}

// Normalizes the path, and sets the route or the reason for a refusal.
void route_request(RequestPlan& plan, const RequestHead& head, const Snapshot& snapshot, const ListenerSpec& listener,
                   const RequestClient& client) {
    const auto end = std::min(head.path.find('?'), head.path.size());
    const auto path = end == 0 ? "/" : head.path.substr(0, end); // a target in absolute form may have no path
    const auto query = head.path.substr(end);
    const auto rules = listener.config.path_normalization;
    if (rules == conf::PathNormalization::none || conf::is_normal_path(path) || path == "*")
        return find_route(plan, path, query, snapshot, listener,
                          {head, path, client.address, client.trust, client.worker}, client);
    const bool keeps = rules == conf::PathNormalization::keep_encoded_slashes;
    const auto normal = normalize_path(path, keeps ? conf::EncodedSlashes::kept : conf::EncodedSlashes::refused);
    if (normal.problem) {
        plan.refusal = {FailureReason::bad_request, normal.problem};
        return;
    }
    const auto forwarded = normal.forwarded == path ? path : std::string_view(normal.forwarded);
    find_route(plan, forwarded, query, snapshot, listener,
               {head, normal.matched, client.address, client.trust, client.worker}, client);
}

} // namespace

bool is_idempotent(std::string_view method) {
    for (const std::string_view known : {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
        if (method == known) return true;
    return false;
}

RequestPlan plan_request(const RequestHead& head, const Snapshot& snapshot, const ListenerSpec& listener,
                         const RequestClient& client) {
    RequestPlan plan;
    const auto framed = request_framing(head);
    const auto options = connection_options(head.fields);
    const auto expectation = expectation_of(head.fields);
    const bool keeps = !options.close && (head.minor_version == 1 || options.keep_alive);
    plan.received_path = head.path;
    plan.framing = framed.framing;
    plan.answer_to = head.method == "HEAD" ? AnswerTo::head : AnswerTo::other;
    plan.connection = keeps && !framed.error ? Connection::keep : Connection::close;
    plan.refusal = find_refusal(framed, expectation);
    if (!plan.refusal) plan.refusal = find_misdirection(head, listener, client.identity);
    if (plan.refusal.reason == FailureReason::misdirected_request) plan.connection = Connection::close;
    if (plan.refusal) return plan;
    if (must_redirect(head, listener, client.trust)) {
        plan.redirect = {host_of(head.authority), head.path == "*" ? "/" : head.path};
        if (plan.redirect.host.empty()) plan.refusal = {FailureReason::bad_request, "no Host to redirect to"};
        return plan;
    }
    route_request(plan, head, snapshot, listener, client);
    if (plan.refusal) return plan;
    if (is_idempotent(head.method)) plan.idempotence = Idempotence::idempotent;
    if (expectation == Expectation::go_ahead && head.minor_version == 1 && plan.framing.has_body())
        plan.continue_wish = ContinueWish::may_wait;
    plan.upgrade = requested_upgrade(head, options, plan.framing);
    if (const auto* route = plan.route.route) {
        if (route->config.compress)
            plan.compression = requested_compression(head, *route->config.compress, client.identity);
        if (route->config.buffer_requests && plan.framing.has_body()) plan.delivery = BodyDelivery::stored;
    }
    return plan;
}

} // namespace weir::proxy::http
