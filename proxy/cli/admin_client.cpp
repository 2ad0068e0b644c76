#include "proxy/cli/admin_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace weir::proxy::cli {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

template <class Socket, class Endpoint>
AdminAnswer exchange(const Endpoint& endpoint, http::request<http::string_body>& request) {
    asio::io_context context;
    Socket socket(context);
    AdminAnswer answer;
    try {
        socket.connect(endpoint);
        http::write(socket, request);
        boost::beast::flat_buffer buffer;
        http::response_parser<http::string_body> parser;
        parser.body_limit(64u << 20);
        http::read(socket, buffer, parser);
        answer.status = static_cast<int>(parser.get().result_int());
        answer.body = parser.get().body();
    } catch (const boost::system::system_error& e) {
        answer.error = e.code().message();
    }
    return answer;
}

} // namespace

AdminAnswer call_admin(const conf::AdminAddress& address, const std::string& token, AdminMethod method,
                       const std::string& target, const std::string& body) {
    http::request<http::string_body> request(method == AdminMethod::get ? http::verb::get : http::verb::post, target,
                                             11);
    request.set(http::field::host, address.is_unix() ? "localhost" : address.text());
    request.keep_alive(false);
    if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
    request.body() = body;
    request.prepare_payload();
    AdminAnswer answer;
    if (address.is_unix()) {
        const asio::local::stream_protocol::endpoint endpoint(std::get<std::string>(address.where));
        answer = exchange<asio::local::stream_protocol::socket>(endpoint, request);
    } else {
        const auto& where = std::get<conf::Address>(address.where);
        auto ip = asio::ip::make_address(where.ip_text());
        // A weir that listens everywhere is here as well.
        if (ip.is_unspecified())
            ip = ip.is_v4() ? asio::ip::address(asio::ip::address_v4::loopback()) : asio::ip::address_v6::loopback();
        answer = exchange<asio::ip::tcp::socket>(asio::ip::tcp::endpoint(ip, where.port()), request);
    }
    if (!answer.error.empty()) answer.error = "no weir answers at " + address.text() + ": " + answer.error;
    return answer;
}

} // namespace weir::proxy::cli
