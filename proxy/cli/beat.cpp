#include "health/beat.h"
#include "health/deadline.h"
#include "proxy/cli/commands.h"
#include "proxy/log/logger.h"
#include "proxy/process.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json.hpp>

#include <csignal>
#include <fstream>
#include <iostream>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::proxy::cli {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using Socket = asio::generic::stream_protocol::socket;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);

// Looks whether the backend is well, with a command of the operator's.
class Check {
public:
    Check(asio::io_context& context, std::string command) : timer_(context), command_(std::move(command)) {}

    // Whether it ended with 0 within `time`; one that takes longer is killed, with all that it has started.
    asio::awaitable<bool> run(std::chrono::milliseconds time) {
        if (command_.empty()) co_return true;
        const pid_t child = start();
        if (child <= 0) co_return false;
        const auto end = std::chrono::steady_clock::now() + time;
        int status = 0;
        while (::waitpid(child, &status, WNOHANG) == 0) {
            if (std::chrono::steady_clock::now() >= end) {
                ::kill(-child, SIGKILL);
                ::waitpid(child, &status, 0);
                co_return false;
            }
            timer_.expires_after(std::chrono::milliseconds(5));
            co_await timer_.async_wait(token);
        }
        co_return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

private:
    pid_t start() {
        const char* argv[] = {"sh", "-c", command_.c_str(), nullptr};
        posix_spawnattr_t attributes;
        ::posix_spawnattr_init(&attributes);
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        ::posix_spawnattr_setpgroup(&attributes, 0);
        pid_t child = -1;
        const int error = ::posix_spawn(&child, "/bin/sh", nullptr, &attributes, const_cast<char**>(argv), environ);
        ::posix_spawnattr_destroy(&attributes);
        return error ? -1 : child;
    }

    asio::steady_timer timer_;
    std::string command_;
};

asio::generic::stream_protocol::endpoint endpoint_of(const conf::AdminAddress& address) {
    if (address.is_unix()) return asio::local::stream_protocol::endpoint(std::get<std::string>(address.where));
    const auto& where = std::get<conf::Address>(address.where);
    return asio::ip::tcp::endpoint(asio::ip::make_address(where.ip_text()), where.port());
}

// Sends beats to one weir, over a connection that is kept.
class Sender {
public:
    Sender(asio::io_context& context, conf::AdminAddress address, const BeatOptions& options, std::string secret)
        : socket_(context), address_(std::move(address)), options_(options), secret_(std::move(secret)),
          began_(std::chrono::steady_clock::now()) {
        clock_ms_ =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
                .count();
        sequence_ = static_cast<std::uint64_t>(clock_ms_); // above those of an earlier run
    }

    // Whether it was taken. Says on stderr when that changes.
    asio::awaitable<bool> send(std::chrono::milliseconds time) {
        health::Deadline<Socket> deadline(socket_, time);
        bool taken = co_await send_once();
        if (!taken && retry_ && !deadline.passed())
            taken = co_await send_once(); // anew: the connection was old, or the count was lost
        co_return taken;
    }

    const std::string& why() const { return why_; }
    std::string to() const { return address_.text(); }

private:
    asio::awaitable<bool> send_once() {
        retry_ = socket_.is_open();
        if (!socket_.is_open()) {
            buffer_.clear();
            const auto [error] = co_await socket_.async_connect(endpoint_of(address_), token);
            if (error) co_return fail("cannot connect: " + error.message());
        }
        auto request = make_request();
        const auto [unsent, _] = co_await http::async_write(socket_, request, token);
        if (unsent) co_return fail("cannot send: " + unsent.message());
        http::response<http::string_body> response;
        const auto [unread, __] = co_await http::async_read(socket_, buffer_, response, token);
        if (unread) co_return fail("no answer: " + unread.message());
        if (!response.keep_alive()) close();
        if (response.result_int() == 200) co_return true;
        take_refusal(response.result_int(), response.body());
        co_return false;
    }

    http::request<http::string_body> make_request() {
        health::Beat beat{options_.pool, options_.backend, ++sequence_, now_ms(), options_.weight, options_.drain};
        json::object body{{"pool", beat.pool},
                          {"backend", beat.backend},
                          {"sequence", beat.sequence},
                          {"time", beat.time_ms},
                          {"weight", beat.weight},
                          {"drain", beat.drain},
                          {"signature", health::sign_beat(beat, secret_)}};
        http::request<http::string_body> request(http::verb::post, "/api/v1/beat", 11);
        request.set(http::field::host, address_.is_unix() ? "localhost" : address_.text());
        request.body() = json::serialize(body);
        request.prepare_payload();
        return request;
    }

    // A weir that counts otherwise says where to go on.
    void take_refusal(unsigned status, const std::string& body) {
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
    std::int64_t now_ms() const {
        return clock_ms_ +
               std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_).count();
    }

    bool fail(std::string why) {
        why_ = std::move(why);
        close();
        return false;
    }
    void close() {
        boost::system::error_code ignored;
        socket_.close(ignored);
    }

    Socket socket_;
    const conf::AdminAddress address_;
    const BeatOptions& options_;
    const std::string secret_;
    boost::beast::flat_buffer buffer_;
    std::uint64_t sequence_ = 0;
    std::int64_t clock_ms_ = 0;
    std::chrono::steady_clock::time_point began_;
    std::string why_;
    bool retry_ = false;
};

asio::awaitable<void> beat_for_ever(asio::io_context& context, Sender& sender, Check& check, const BeatOptions& options,
                                    int& code) {
    asio::steady_timer timer(context);
    std::string last = "not yet";
    for (auto next = std::chrono::steady_clock::now();; next += options.interval) {
        timer.expires_at(next = std::max(next, std::chrono::steady_clock::now()));
        co_await timer.async_wait(token);
        const bool well = co_await check.run(options.interval);
        bool taken = false;
        if (well) taken = co_await sender.send(options.interval);
        const auto state = !well ? "the check fails: no beats" : taken ? "beating" : sender.why();
        if (state != last) std::cerr << "beat: " << sender.to() << ": " << state << std::endl;
        last = state;
        if (options.once) {
            code = static_cast<int>(taken ? ExitCode::done : ExitCode::refused);
            co_return context.stop();
        }
    }
}

} // namespace

int beat(const BeatOptions& options) {
    std::ifstream in(options.token_file);
    std::string secret, why;
    if (!std::getline(in, secret) || secret.size() < 16) {
        std::cerr << "weir: --token-file: " << options.token_file
                  << " has no token of at least 16 characters in its first line\n";
        return static_cast<int>(ExitCode::refused);
    }
    asio::io_context context(1);
    std::vector<std::unique_ptr<Sender>> senders;
    std::vector<std::unique_ptr<Check>> checks;
    int code = static_cast<int>(ExitCode::done);
    for (auto to : options.to) {
        if (to.starts_with("http://")) to.erase(0, 7);
        if (to.ends_with("/")) to.pop_back();
        auto address = conf::AdminAddress::parse(to, why);
        if (!why.empty()) {
            std::cerr << "weir: --to " << to << ": " << why << "\n";
            return static_cast<int>(ExitCode::usage);
        }
        senders.push_back(std::make_unique<Sender>(context, std::move(address), options, secret));
        checks.push_back(std::make_unique<Check>(context, options.check));
        asio::co_spawn(context, beat_for_ever(context, *senders.back(), *checks.back(), options, code),
                       log::tell_failure);
    }
    asio::signal_set signals(context, SIGTERM, SIGINT);
    signals.async_wait([&](boost::system::error_code, int) { context.stop(); });
    ::signal(SIGPIPE, SIG_IGN);
    context.run();
    return code;
}

} // namespace weir::proxy::cli
