// Real Redis servers for unit tests, each on its own port, and helpers that wait for coroutines.
//
// Thread: that of the test.
// Lifetime: a server is killed with its object.
#pragma once

#include "lock/redis/redis_client.h"
#include "tests/catch.h"
#include "tests/support/temp_directory.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include <csignal>
#include <string>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::tests {

namespace asio = boost::asio;
using std::chrono::milliseconds;

template <class T> T wait_for(asio::io_context& context, lock::Awaitable<T> work) {
    auto future = asio::co_spawn(context, std::move(work), asio::use_future);
    context.restart();
    while (future.wait_for(milliseconds(0)) != std::future_status::ready) context.run_one();
    return future.get();
}

inline void pass(asio::io_context& context, milliseconds time) {
    asio::steady_timer timer(context, time);
    bool over = false;
    timer.async_wait([&](auto) { over = true; });
    context.restart();
    while (!over) context.run_one();
}

class RedisServer {
public:
    explicit RedisServer(asio::io_context& context) : context_(context) {
        const auto port = std::to_string(port_);
        const char* argv[] = {"redis-server", "--port", port.c_str(),   "--bind", "127.0.0.1", "--save", "",
                              "--appendonly", "no",     "--dbfilename", "none",   nullptr};
        posix_spawn_file_actions_t files;
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        REQUIRE(::posix_spawnp(&id_, argv[0], &files, nullptr, const_cast<char**>(argv), environ) == 0);
        ::posix_spawn_file_actions_destroy(&files);
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (call({"PING"}).text != "PONG" && std::chrono::steady_clock::now() < end) pass(context_, milliseconds(2));
        REQUIRE(call({"PING"}).text == "PONG");
    }
    ~RedisServer() { kill(); }
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    void kill() {
        if (id_ <= 0) return;
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
        id_ = -1;
    }
    void hang() { ::kill(id_, SIGSTOP); } // its socket still accepts connections
    lock::RedisReply call(std::vector<std::string> words) {
        lock::RedisClient client(context_.get_executor(), options());
        const auto reply = wait_for(context_, client.call(std::move(words)));
        return reply ? *reply : lock::RedisReply{};
    }
    std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
    lock::RedisOptions options() const { return {url(), "", "", milliseconds(10'000), "", {}}; }

private:
    static unsigned short free_port() {
        asio::io_context context;
        return asio::ip::tcp::acceptor(context, {asio::ip::address_v4::loopback(), 0}).local_endpoint().port();
    }

    asio::io_context& context_;
    unsigned short port_ = free_port();
    pid_t id_ = -1;
};

} // namespace weir::tests
