#include "base/deadline.h"
#include "base/use_nothrow_awaitable.h"
#include "conf/model/address.h"
#include "proxy/cli/commands.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <csignal>
#include <iostream>

namespace weir::proxy::cli {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

namespace {

constexpr auto idle_timeout = std::chrono::minutes(5);
constexpr int max_askers = 256;

// Answers every `heartbeat` with `OK`; any other input ends the connection.
asio::awaitable<void> answer(Tcp::socket socket, std::shared_ptr<int> askers) {
    constexpr std::string_view question = "heartbeat";
    Deadline<Tcp::socket> deadline(socket, idle_timeout);
    ++*askers;
    std::string got;
    std::array<char, 64> bytes;
    for (bool good = true; good;) {
        const auto [error, size] = co_await socket.async_read_some(asio::buffer(bytes), use_nothrow_awaitable);
        if (error) break;
        got.append(bytes.data(), size);
        while (good && got.size() >= question.size()) {
            good = got.starts_with(question);
            got.erase(0, question.size());
            while (!got.empty() && (got[0] == '\r' || got[0] == '\n')) got.erase(0, 1);
            if (!good) break;
            const auto [unsent, _] = co_await asio::async_write(socket, asio::buffer("OK", 2), use_nothrow_awaitable);
            good = !unsent;
            deadline.extend(idle_timeout);
        }
    }
    --*askers;
}

asio::awaitable<void> listen_for_askers(Tcp::acceptor& acceptor) {
    const auto askers = std::make_shared<int>(0);
    for (;;) {
        auto [error, socket] = co_await acceptor.async_accept(use_nothrow_awaitable);
        if (!acceptor.is_open()) co_return;
        if (!error && *askers < max_askers) {
            asio::co_spawn(acceptor.get_executor(), answer(std::move(socket), askers), asio::detached);
            continue;
        }
        co_await sleep_for(std::chrono::milliseconds(10));
    }
}

} // namespace

ExitCode heartbeat(const std::string& listen) {
    const auto address = conf::Address::parse(listen);
    if (!address) {
        std::cerr << "weir: --listen " << listen << ": " << address.error().message() << "\n";
        return ExitCode::usage;
    }
    asio::io_context context(1);
    Tcp::acceptor acceptor(context);
    boost::system::error_code error;
    const Tcp::endpoint endpoint(asio::ip::make_address(address->ip_text()), address->port());
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(64, error);
    if (error) {
        std::cerr << "weir: cannot listen on " << listen << ": " << error.message() << "\n";
        return ExitCode::refused;
    }
    asio::signal_set signals(context, SIGTERM, SIGINT);
    signals.async_wait([&](boost::system::error_code, int) { context.stop(); });
    asio::co_spawn(context, listen_for_askers(acceptor), asio::detached);
    std::cout << "heartbeat: answering on " << listen << std::endl;
    context.run();
    return ExitCode::done;
}

} // namespace weir::proxy::cli
