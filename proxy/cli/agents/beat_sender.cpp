#include "proxy/cli/agents/beat_sender.h"

#include "base/use_nothrow_awaitable.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json.hpp>

namespace weir::proxy::cli {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;

namespace {

constexpr std::chrono::seconds lookup_time{5};

asio::awaitable<Result<Endpoint::Sockets>> resolve(Endpoint endpoint) { co_return endpoint.resolve(lookup_time); }

} // namespace

BeatSender::BeatSender(asio::io_context& context, Endpoint endpoint, AdminTls tls, const BeatOptions& options,
                       const std::string& secret)
    : stream_(context.get_executor()), endpoint_(std::move(endpoint)), tls_(std::move(tls)), options_(options),
      key_(secret) {}

asio::awaitable<Result<void>> BeatSender::send(std::chrono::milliseconds time) {
    Deadline deadline(stream_, time);
    auto taken = co_await send_once(deadline);
    if (!taken && retry_ && !deadline.passed())
        taken = co_await send_once(deadline); // the connection was stale, or the sequence number was lost
    co_return taken;
}

asio::awaitable<Result<void>> BeatSender::send_once(const Deadline<net::AsyncStream>& deadline) {
    retry_ = stream_.is_open();
    if (!stream_.is_open()) {
        buffer_.clear();
        if (const auto done = co_await connect(deadline); !done)
            co_return fail("cannot connect: " + done.error().message());
    }
    http::request<http::string_body> request(http::verb::post, "/api/v1/beat", 11);
    request.set(http::field::host, endpoint_.host_field());
    request.body() = make_body();
    request.prepare_payload();
    const auto [unsent, _] = co_await http::async_write(stream_, request, use_nothrow_awaitable);
    if (unsent) co_return fail("cannot send: " + unsent.message());
    http::response<http::string_body> response;
    const auto [unread, read] = co_await http::async_read(stream_, buffer_, response, use_nothrow_awaitable);
    if (unread) co_return fail("no answer: " + unread.message());
    boost::system::error_code ignored;
    if (!response.keep_alive()) stream_.close(ignored);
    if (response.result_int() == 200) co_return Result<void>();
    co_return take_refusal(response.result_int(), response.body());
}

asio::awaitable<Result<void>> BeatSender::connect(const Deadline<net::AsyncStream>& deadline) {
    const auto endpoints = co_await asio::co_spawn(lookups_, resolve(endpoint_), asio::use_awaitable);
    if (!endpoints) co_return endpoints.error();
    if (deadline.passed()) co_return asio::error::timed_out;
    co_return co_await cli::connect(stream_, *endpoints, tls_);
}

std::string BeatSender::make_body() {
    const health::Beat beat{options_.pool, options_.backend, ++sequence_, now_ms(), options_.weight, options_.drain};
    return json::serialize(json::object{{"pool", beat.pool},
                                        {"backend", beat.backend},
                                        {"sequence", beat.sequence},
                                        {"time", beat.time_ms},
                                        {"weight", beat.weight},
                                        {"drain", beat.drain},
                                        {"signature", key_.sign(beat)}});
}

// A refusal with status 409 contains the sequence number and the time to resume from.
Error BeatSender::take_refusal(unsigned status, const std::string& body) {
    boost::system::error_code error;
    const auto value = json::parse(body, error);
    const auto* fields = error ? nullptr : value.if_object();
    const auto* reason = fields ? fields->if_contains("error") : nullptr;
    Error refused("refused with " + std::to_string(status) +
                  (reason && reason->is_string() ? ": " + std::string(reason->as_string()) : ""));
    retry_ = status == 409 && fields && fields->contains("last_sequence") && fields->contains("time");
    if (!retry_) return refused;
    sequence_ = std::max(sequence_, fields->at("last_sequence").to_number<std::uint64_t>());
    clock_ms_ = fields->at("time").to_number<std::int64_t>();
    began_ = clock_.now();
    return refused;
}

// The time by a steady clock, which never jumps.
std::int64_t BeatSender::now_ms() const {
    return clock_ms_ + std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - began_).count();
}

Error BeatSender::fail(std::string reason) {
    boost::system::error_code ignored;
    stream_.close(ignored);
    return Error(std::move(reason));
}

} // namespace weir::proxy::cli
