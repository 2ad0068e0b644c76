#include "proxy/admin/server.h"

#include "health/deadline.h"
#include "proxy/admin/beat_lane.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <sys/stat.h>
#include <unistd.h>

namespace weir::proxy::admin {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;
using Socket = asio::generic::stream_protocol::socket; // of either

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr auto idle_time = std::chrono::seconds(30);
constexpr auto answer_time = std::chrono::minutes(30); // a reload may wait for the lock
constexpr std::size_t most_connections = 4096;         // backends that beat keep theirs
constexpr std::size_t largest_body = 1u << 20;

// Removes the socket of a process that is gone, and nothing else.
std::string remove_dead_socket(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return {}; // nothing there, or bind will tell
    if (!S_ISSOCK(info.st_mode)) return path + " is in the way: it is not a socket";
    asio::io_context context;
    Local::socket other(context);
    boost::system::error_code error;
    other.open(Local(), error);
    if (!error) other.non_blocking(true, error);
    if (!error) other.connect(Local::endpoint(path), error);
    if (error != asio::error::connection_refused) return "another process serves " + path;
    ::unlink(path.c_str());
    return {};
}

int socket_family(int descriptor) {
    int family = AF_UNSPEC;
    socklen_t length = sizeof family;
    ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &length);
    return family;
}

} // namespace

struct Server::State {
    State(asio::io_context& context, Api& answers) : control(context), api(answers), tcp(context), local(context) {}

    // Made once it is shared: what it calls must not keep it alive.
    static std::shared_ptr<State> make(asio::io_context& context, Api& answers) {
        auto state = std::make_shared<State>(context, answers);
        state->lane.emplace(
            context, [&answers](const auto& head, auto body) { return answers.answer_beat(head, body); },
            [weak = std::weak_ptr(state)](int descriptor, std::string bytes) {
                if (const auto self = weak.lock()) take_back(self, descriptor, std::move(bytes));
                else ::close(descriptor);
            });
        return state;
    }

    asio::io_context& control;
    Api& api;
    Tcp::acceptor tcp;
    Local::acceptor local;
    std::string path;            // of the unix socket, to be removed at the end
    std::string inherited_path;  // of an old process's: its own until this one serves
    std::size_t connections = 0; // but for those in the lane

    std::optional<BeatLane> lane;

    // `read` is what has been read of the connection already.
    static asio::awaitable<void> serve(std::shared_ptr<State> state, Socket socket, std::string read) {
        ++state->connections;
        boost::beast::flat_buffer buffer(64 * 1024);
        buffer.commit(asio::buffer_copy(buffer.prepare(read.size()), asio::buffer(read)));
        const auto kept = co_await converse(*state, socket, buffer);
        boost::system::error_code error;
        const int descriptor = kept == Kept::for_beats ? socket.release(error) : -1;
        if (descriptor >= 0 && !state->lane->add(descriptor)) ::close(descriptor);
        --state->connections;
    }

    enum class Kept { no, for_beats };

    static asio::awaitable<Kept> converse(State& state, Socket& socket, boost::beast::flat_buffer& buffer) {
        health::Deadline<Socket> deadline(socket, idle_time);
        for (bool more = true; more;) {
            http::request_parser<http::string_body> parser;
            parser.body_limit(largest_body);
            const auto [unread, _] = co_await http::async_read(socket, buffer, parser, token);
            if (unread) break;
            deadline.extend(answer_time);
            auto response = co_await state.api.answer(parser.get());
            if (state.api.is_leaving()) response.keep_alive(false);
            more = response.keep_alive();
            deadline.extend(idle_time);
            const auto [unsent, __] = co_await http::async_write(socket, response, token);
            if (unsent) break;
            if (more && buffer.size() == 0 && Api::is_beat(parser.get())) co_return Kept::for_beats;
        }
        co_return Kept::no;
    }

    static void take_back(const std::shared_ptr<State>& state, int descriptor, std::string bytes) {
        Socket socket(state->control);
        boost::system::error_code error;
        socket.assign(asio::generic::stream_protocol(socket_family(descriptor), 0), descriptor, error);
        if (error) ::close(descriptor);
        else asio::co_spawn(state->control, serve(state, std::move(socket), std::move(bytes)), asio::detached);
    }

    template <class Acceptor> static asio::awaitable<void> accept(std::shared_ptr<State> state, Acceptor& acceptor) {
        asio::steady_timer pause(state->control);
        while (acceptor.is_open()) {
            auto [error, socket] = co_await acceptor.async_accept(token);
            if (!acceptor.is_open()) break;
            if (error || state->connections + state->lane->size() >= most_connections) {
                pause.expires_after(std::chrono::milliseconds(error ? 100 : 1));
                co_await pause.async_wait(token);
                continue;
            }
            asio::co_spawn(state->control, serve(state, Socket(std::move(socket)), ""), asio::detached);
        }
    }
};

Server::Server(asio::io_context& control, Api& api) : state_(State::make(control, api)) {}

Server::~Server() { stop(); }

std::string Server::listen(const conf::AdminAddress& address) {
    boost::system::error_code error;
    if (address.is_unix()) {
        const auto& path = std::get<std::string>(address.where);
        if (const auto why = remove_dead_socket(path); !why.empty()) return why;
        state_->local.open(Local(), error);
        const auto mask = ::umask(0077); // the file's mode decides who may use it
        if (!error) state_->local.bind(Local::endpoint(path), error);
        ::umask(mask);
        if (!error) state_->local.listen(64, error);
        if (error) return address.text() + ": " + error.message();
        state_->path = path;
        return {};
    }
    const auto& where = std::get<conf::Address>(address.where);
    const Tcp::endpoint endpoint(asio::ip::make_address(where.ip_text()), where.port());
    state_->tcp.open(endpoint.protocol(), error);
    if (!error) state_->tcp.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) state_->tcp.bind(endpoint, error);
    if (!error) state_->tcp.listen(64, error);
    return error ? address.text() + ": " + error.message() : "";
}

std::string Server::take_over(const conf::AdminAddress& address, int descriptor) {
    boost::system::error_code error;
    if (address.is_unix()) {
        state_->local.assign(Local(), descriptor, error);
        state_->inherited_path = std::get<std::string>(address.where);
    } else {
        const bool v4 = std::get<conf::Address>(address.where).family() == AF_INET;
        state_->tcp.assign(v4 ? Tcp::v4() : Tcp::v6(), descriptor, error);
    }
    return error ? address.text() + ": " + error.message() : "";
}

void Server::start() {
    if (!state_->inherited_path.empty()) state_->path = state_->inherited_path;
    if (state_->tcp.is_open()) asio::co_spawn(state_->control, State::accept(state_, state_->tcp), asio::detached);
    if (state_->local.is_open()) asio::co_spawn(state_->control, State::accept(state_, state_->local), asio::detached);
}

int Server::descriptor() const {
    if (state_->tcp.is_open()) return state_->tcp.native_handle();
    return state_->local.is_open() ? state_->local.native_handle() : -1;
}

void Server::leave() {
    state_->lane->close_all(); // whoever beats next finds the new process
    state_->api.set_leaving();
    // Closing would leave the socket in the event loop: the new process keeps it open.
    boost::system::error_code ignored;
    for (const int fd : {state_->tcp.is_open() ? state_->tcp.release(ignored) : -1,
                         state_->local.is_open() ? state_->local.release(ignored) : -1})
        if (fd >= 0) ::close(fd);
    state_->path.clear();
}

void Server::stop() {
    boost::system::error_code ignored;
    state_->tcp.close(ignored);
    state_->local.close(ignored);
    if (!state_->path.empty()) ::unlink(state_->path.c_str());
    state_->path.clear();
}

} // namespace weir::proxy::admin
