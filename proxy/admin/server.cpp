#include "proxy/admin/server.h"

#include "base/timer.h"
#include "base/use_nothrow_awaitable.h"
#include "proxy/admin/connection_table.h"
#include "proxy/admin/heartbeat_connections.h"
#include "proxy/admin/session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <spdlog/spdlog.h>

#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::proxy::admin {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;

namespace {

constexpr std::size_t max_senders = 4096;   // heartbeat connections
constexpr std::size_t max_large_bodies = 4; // read at the same time
constexpr int backlog = 1024;

// Removes the socket of a process that no longer runs.
Result<void> remove_dead_socket(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return {}; // nothing there, or bind will report the error
    if (!S_ISSOCK(info.st_mode)) return Error(path + " already exists and is not a socket");
    asio::io_context context;
    Local::socket other(context);
    boost::system::error_code error;
    other.open(Local(), error);
    if (!error) other.non_blocking(true, error);
    if (!error) other.connect(Local::endpoint(path), error);
    if (error != asio::error::connection_refused) return Error("another process is listening on " + path);
    ::unlink(path.c_str());
    return {};
}

// Returns the source that a connection is counted for: an IPv4 address, an IPv6 /64, or the unix socket.
std::pair<std::string, Origin> source_of(int descriptor) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return {"", Origin::remote};
    if (peer.ss_family == AF_UNIX) return {"unix", Origin::local};
    const auto address = conf::Address::from(reinterpret_cast<const sockaddr*>(&peer));
    if (address.is_loopback()) return {address.ip_text(), Origin::local};
    const auto bytes = reinterpret_cast<const char*>(address.bytes().data());
    return {std::string(bytes, address.family() == AF_INET6 ? 8 : 4), Origin::remote};
}

} // namespace

struct Server::State {
    State(asio::io_context& context, Api& answers) : control(context), api(answers), tcp(context), local(context) {}

    enum class Peer { unknown, known };

    class Host;

    static std::shared_ptr<State> make(asio::io_context& context, Api& answers);
    void close(std::optional<ConnectionTable::Id> displaced);
    static asio::awaitable<void> serve(std::shared_ptr<State> state, net::AsyncStream stream, std::string bytes,
                                       Peer peer);
    static void take_back(const std::shared_ptr<State>& state, net::DetachedStream connection, std::string bytes);
    template <class Acceptor> static asio::awaitable<void> accept(std::shared_ptr<State> state, Acceptor& acceptor);

    asio::io_context& control;
    Api& api;
    Tcp::acceptor tcp;
    Local::acceptor local;
    std::string path;           // of the unix socket, removed at the end
    std::string inherited_path; // of the old process, which uses it until this process serves
    ConnectionTable table;      // all connections except those in the lane
    std::unordered_map<ConnectionTable::Id, net::AsyncStream*> streams;
    std::size_t large_bodies = 0; // being read
    std::optional<HeartbeatConnections> lane;
};

// A session's view of the server.
class Server::State::Host final : public Session::Host {
public:
    Host(State& state, ConnectionTable::Id id) : state_(state), id_(id) {}
    void request_accepted() override { state_.close(state_.table.set_known(id_)); }
    void set_busy(bool busy) override { state_.table.set_busy(id_, busy); }
    bool begin_large_body() override {
        if (state_.large_bodies >= max_large_bodies) return false;
        ++state_.large_bodies;
        return true;
    }
    void end_large_body() noexcept override { --state_.large_bodies; }

private:
    State& state_;
    const ConnectionTable::Id id_;
};

// The lane is created after the state is shared, because it must not keep the state alive.
std::shared_ptr<Server::State> Server::State::make(asio::io_context& context, Api& answers) {
    auto state = std::make_shared<State>(context, answers);
    state->lane.emplace(
        context, [&answers](const auto& head, auto body) { return answers.answer_heartbeat(head, body); },
        [weak = std::weak_ptr(state)](net::DetachedStream connection, std::string bytes) {
            if (const auto self = weak.lock()) take_back(self, std::move(connection), std::move(bytes));
        });
    return state;
}

// Closes a displaced connection, which ends its session.
void Server::State::close(std::optional<ConnectionTable::Id> displaced) {
    const auto it = displaced ? streams.find(*displaced) : streams.end();
    if (it == streams.end()) return;
    boost::system::error_code ignored;
    it->second->close(ignored);
}

// Serves one connection; `bytes` were already read from it.
asio::awaitable<void> Server::State::serve(std::shared_ptr<State> state, net::AsyncStream stream, std::string bytes,
                                           Peer peer) {
    boost::system::error_code ignored; // out-of-band data is read as normal data; unix sockets have none
    stream.socket().set_option(asio::socket_base::out_of_band_inline(true), ignored);
    const auto [source, origin] = source_of(stream.socket().native_handle());
    const auto opened = state->table.open(source, origin);
    state->close(opened.displaced);
    if (!opened.id) co_return;
    const auto id = *opened.id;
    state->streams[id] = &stream;
    if (peer == Peer::known) state->close(state->table.set_known(id));
    boost::beast::flat_buffer read(64 * 1024);
    read.commit(asio::buffer_copy(read.prepare(bytes.size()), asio::buffer(bytes)));
    auto end = SessionEnd::closed;
    try {
        Host host(*state, id);
        Session session(state->api, stream, host);
        const auto context = peer == Peer::unknown ? state->api.tls() : nullptr; // others have TLS already
        bool secured = true;
        if (context) secured = co_await session.start_tls(*context);
        if (secured) end = co_await session.run(read);
    } catch (const std::exception& e) { // out of memory
        spdlog::error("admin API: a request failed: {}", e.what());
    }
    state->streams.erase(id);
    state->table.close(id);
    const bool has_room = state->lane->size() < max_senders;
    if (end == SessionEnd::sends_heartbeats && has_room) state->lane->add(stream.detach());
    else if (stream.is_open()) stream.finish_sending();
}

// Connections in the lane are known, because they have sent a correctly signed heartbeat.
void Server::State::take_back(const std::shared_ptr<State>& state, net::DetachedStream connection, std::string bytes) {
    net::AsyncStream stream(state->control.get_executor(), std::move(connection));
    if (!stream.is_open()) return;
    asio::co_spawn(state->control, serve(state, std::move(stream), std::move(bytes), Peer::known), asio::detached);
}

// Accepts without limit; the connection table decides which connections to keep.
template <class Acceptor>
asio::awaitable<void> Server::State::accept(std::shared_ptr<State> state, Acceptor& acceptor) {
    while (acceptor.is_open()) {
        auto [error, socket] = co_await acceptor.async_accept(use_nothrow_awaitable);
        if (!acceptor.is_open()) break;
        if (error) {
            co_await sleep_for(std::chrono::milliseconds(100));
            continue;
        }
        asio::co_spawn(state->control, serve(state, net::AsyncStream(std::move(socket)), "", Peer::unknown),
                       asio::detached);
    }
}

Server::Server(asio::io_context& control, Api& api) : state_(State::make(control, api)) {}

Server::~Server() { stop(); }

Result<void> Server::listen(const conf::AdminAddress& address) {
    boost::system::error_code error;
    if (address.is_unix()) {
        const auto& path = std::get<std::string>(address.where);
        if (const auto removed = remove_dead_socket(path); !removed) return removed;
        state_->local.open(Local(), error);
        const auto mask = ::umask(0077); // the file mode decides who may connect
        if (!error) state_->local.bind(Local::endpoint(path), error);
        ::umask(mask);
        if (!error) state_->local.listen(backlog, error);
        if (error) return Error(address.text() + ": " + error.message());
        state_->path = path;
        return {};
    }
    const auto& where = std::get<conf::Address>(address.where);
    const Tcp::endpoint endpoint(asio::ip::make_address(where.ip_text()), where.port());
    state_->tcp.open(endpoint.protocol(), error);
    if (!error) state_->tcp.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) state_->tcp.bind(endpoint, error);
    if (!error) state_->tcp.listen(backlog, error);
    if (error) return Error(address.text() + ": " + error.message());
    return {};
}

Result<void> Server::take_over(const conf::AdminAddress& address, UniqueFd socket) {
    boost::system::error_code error;
    if (address.is_unix()) {
        state_->local.assign(Local(), socket.get(), error);
        state_->inherited_path = std::get<std::string>(address.where);
    } else {
        const bool v4 = std::get<conf::Address>(address.where).family() == AF_INET;
        state_->tcp.assign(v4 ? Tcp::v4() : Tcp::v6(), socket.get(), error);
    }
    if (error) return Error(address.text() + ": " + error.message());
    static_cast<void>(socket.release()); // it is the acceptor's now
    return {};
}

void Server::start() {
    if (!state_->inherited_path.empty()) state_->path = state_->inherited_path;
    if (state_->tcp.is_open()) asio::co_spawn(state_->control, State::accept(state_, state_->tcp), asio::detached);
    if (state_->local.is_open()) asio::co_spawn(state_->control, State::accept(state_, state_->local), asio::detached);
}

Result<UniqueFd> Server::duplicate_socket() const {
    const int socket = state_->tcp.is_open() ? state_->tcp.native_handle() : state_->local.native_handle();
    UniqueFd copy(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
    if (!copy) return last_system_error();
    return copy;
}

void Server::leave() {
    state_->lane->close_all(); // the next heartbeats go to the new process
    state_->api.set_leaving();
    // Releases first: close() would leave the socket in the epoll set, because the new process keeps it open.
    boost::system::error_code ignored;
    if (state_->tcp.is_open()) UniqueFd(state_->tcp.release(ignored)).reset();
    if (state_->local.is_open()) UniqueFd(state_->local.release(ignored)).reset();
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
