#include "health/probes/grpc_probe.h"

#include "health/probes/grpc_health.h"
#include "health/probes/http2_exchange.h"

namespace weir::health {

namespace asio = boost::asio;

namespace {

Http2Request make_call(const conf::HealthCheck& check, const conf::Endpoint& address) {
    return {.method = "POST",
            .authority = check.host.empty() ? address.authority() : check.host,
            .path = std::string(grpc_health_path),
            .headers = {{"te", "trailers"},
                        {"grpc-timeout", grpc_timeout(check.timeout)},
                        {"content-type", "application/grpc"},
                        {"user-agent", "weir-health"}},
            .body = encode_health_request(check.service)};
}

// Returns the description of a call that has not ended with the status OK.
std::string describe_failure(std::string_view status, std::optional<std::string_view> message) {
    auto text = "grpc-status " + describe_grpc_status(status);
    if (status == "12") return text + ": the server has no health service";
    if (status == "5") return text + ": the server does not know the service";
    const auto reason = decode_grpc_message(message.value_or(""));
    return reason.empty() ? text : text + ": " + reason;
}

// Returns the result of a response that is whole.
ProbeResult judge(const Http2Exchange& response) {
    const auto failed = [](std::string text) { return ProbeResult{ProbeOutcome::failed, std::move(text)}; };
    const auto of_head = [&](std::string_view name) { return response.header(name); };
    const auto of_trailers = [&](std::string_view name) { return response.trailer(name); };
    // A response that consists of trailers alone has them in its head.
    const auto status =
        response.body().empty() && !of_trailers("grpc-status") ? of_head("grpc-status") : of_trailers("grpc-status");
    const bool has_passed = status == "0";
    if (response.status() != 200 && (!status || has_passed))
        return failed("status " + std::to_string(response.status()));
    if (!status && !is_grpc_type(of_head("content-type").value_or("")))
        return failed("not a gRPC response: its content-type is not application/grpc");
    if (!status) return failed("the response has no grpc-status");
    if (!has_passed) {
        const auto message = of_trailers("grpc-message");
        return failed(describe_failure(*status, message ? message : of_head("grpc-message")));
    }
    const auto health = read_health_response(response.body());
    if (!health) return failed(health.error().message());
    if (*health != ServingStatus::serving) return failed(name_of(*health));
    return {ProbeOutcome::passed, name_of(*health)};
}

} // namespace

asio::awaitable<ProbeResult> GrpcProbe::talk(net::AsyncStream& stream, const conf::Endpoint& address) {
    Http2Exchange exchange(stream, make_call(check_, address));
    auto read = co_await exchange.read_head();
    // What is not gRPC may have a body without an end.
    const bool is_grpc = is_grpc_type(exchange.header("content-type").value_or(""));
    if (read && is_grpc)
        read = co_await exchange.read_until([&] { return exchange.body().size() >= Http2Exchange::max_body; });
    if (!read) co_return ProbeResult{ProbeOutcome::failed, read.error().message()};
    co_await exchange.finish();
    if (is_grpc && !exchange.has_ended())
        co_return ProbeResult{ProbeOutcome::failed, "the response is larger than 64KiB"};
    co_return judge(exchange);
}

} // namespace weir::health
