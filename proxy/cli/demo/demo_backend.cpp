#include "base/use_nothrow_awaitable.h"
#include "conf/model/address.h"
#include "proxy/cli/commands.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <csignal>
#include <iostream>

namespace weir::proxy::cli {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;

namespace {

asio::awaitable<void> serve(Tcp::socket socket, std::string name) {
    socket.set_option(Tcp::no_delay(true));
    boost::beast::flat_buffer buffer;
    for (bool more = true; more;) {
        http::request<http::string_body> request;
        const auto [unread, _] = co_await http::async_read(socket, buffer, request, use_nothrow_awaitable);
        if (unread) co_return;
        http::response<http::string_body> response(http::status::ok, request.version());
        response.set(http::field::content_type, "text/plain");
        response.set("X-Backend", name);
        response.keep_alive(request.keep_alive());
        response.body() = name + " answers " + std::string(request.target()) + "\n";
        response.prepare_payload();
        more = response.keep_alive();
        const auto [unsent, written] = co_await http::async_write(socket, response, use_nothrow_awaitable);
        if (unsent) co_return;
    }
}

asio::awaitable<void> accept(Tcp::acceptor& acceptor, std::string name) {
    for (;;) {
        auto [error, socket] = co_await acceptor.async_accept(use_nothrow_awaitable);
        if (!acceptor.is_open()) co_return;
        if (!error) asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), name), asio::detached);
    }
}

} // namespace

ExitCode demo_backend(const std::string& name, const std::string& listen) {
    const auto address = conf::Address::parse(listen);
    if (!address) {
        std::cerr << "weir: --listen " << listen << ": " << address.error().message() << "\n";
        return ExitCode::usage;
    }
    asio::io_context context(1);
    Tcp::acceptor acceptor(context, Tcp::endpoint(asio::ip::make_address(address->ip_text()), address->port()));
    asio::signal_set signals(context, SIGTERM, SIGINT);
    signals.async_wait([&](boost::system::error_code, int) { context.stop(); });
    asio::co_spawn(context, accept(acceptor, name), asio::detached);
    context.run();
    return ExitCode::done;
}

} // namespace weir::proxy::cli
