#include "proxy/cli/beat_sender.h"

#include "health/deadline.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
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

constexpr auto token = asio::as_tuple(asio::use_awaitable);

asio::generic::stream_protocol::endpoint endpoint_of(const conf::AdminAddress& address) {
    if (address.is_unix()) return asio::local::stream_protocol::endpoint(std::get<std::string>(address.where));
    const auto& where = std::get<conf::Address>(address.where);
    return asio::ip::tcp::endpoint(asio::ip::make_address(where.ip_text()), where.port());
}

} // namespace

BeatSender::BeatSender(asio::io_context& context, conf::AdminAddress address, const BeatOptions& options,
                       const std::string& secret)
    : socket_(context), address_(std::move(address)), options_(options), key_(secret) {}

asio::awaitable<bool> BeatSender::send(std::chrono::milliseconds time) {
    health::Deadline<Socket> deadline(socket_, time);
    bool taken = co_await send_once();
    if (!taken && retry_ && !deadline.passed())
        taken = co_await send_once(); // anew: the connection was old, or the count was lost
    co_return taken;
}

asio::awaitable<bool> BeatSender::send_once() {
    retry_ = socket_.is_open();
    if (!socket_.is_open()) {
        buffer_.clear();
        const auto [error] = co_await socket_.async_connect(endpoint_of(address_), token);
        if (error) co_return fail("cannot connect: " + error.message());
    }
    http::request<http::string_body> request(http::verb::post, "/api/v1/beat", 11);
    request.set(http::field::host, address_.is_unix() ? "localhost" : address_.text());
    request.body() = make_body();
    request.prepare_payload();
    const auto [unsent, _] = co_await http::async_write(socket_, request, token);
    if (unsent) co_return fail("cannot send: " + unsent.message());
    http::response<http::string_body> response;
    const auto [unread, __] = co_await http::async_read(socket_, buffer_, response, token);
    if (unread) co_return fail("no answer: " + unread.message());
    boost::system::error_code ignored;
    if (!response.keep_alive()) socket_.close(ignored);
    if (response.result_int() == 200) co_return true;
    take_refusal(response.result_int(), response.body());
    co_return false;
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

// A weir that counts otherwise says where to go on.
void BeatSender::take_refusal(unsigned status, const std::string& body) {
    boost::system::error_code error;
    const auto value = json::parse(body, error);
    const auto* fields = error ? nullptr : value.if_object();
    const auto* why = fields ? fields->if_contains("error") : nullptr;
    why_ = "refused with " + std::to_string(status) +
           (why && why->is_string() ? ": " + std::string(why->as_string()) : "");
    retry_ = status == 409 && fields && fields->contains("last_sequence") && fields->contains("time");
    if (!retry_) return;
    sequence_ = std::max(sequence_, fields->at("last_sequence").to_number<std::uint64_t>());
    clock_ms_ = fields->at("time").to_number<std::int64_t>();
    began_ = std::chrono::steady_clock::now();
}

// A clock that never jumps.
std::int64_t BeatSender::now_ms() const {
    return clock_ms_ +
           std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_).count();
}

bool BeatSender::fail(std::string why) {
    why_ = std::move(why);
    boost::system::error_code ignored;
    socket_.close(ignored);
    return false;
}

} // namespace weir::proxy::cli
