#include "lock/redis_client.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <charconv>

namespace weir::lock {

namespace asio = boost::asio;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);

// Closes the socket and gives up the look-up when the time is over.
class TimeLimit {
public:
    TimeLimit(asio::ip::tcp::socket& socket, asio::ip::tcp::resolver* resolver, std::chrono::milliseconds time)
        : timer_(socket.get_executor(), time) {
        timer_.async_wait([alive = alive_, passed = passed_, &socket, resolver](boost::system::error_code error) {
            if (error || !*alive) return;
            *passed = true;
            boost::system::error_code ignored;
            socket.close(ignored);
            if (resolver) resolver->cancel();
        });
    }
    bool passed() const { return *passed_; }
    ~TimeLimit() { *alive_ = false; }
    TimeLimit(const TimeLimit&) = delete;
    TimeLimit& operator=(const TimeLimit&) = delete;

private:
    asio::steady_timer timer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true), passed_ = std::make_shared<bool>(false);
};

} // namespace

std::optional<RedisAddress> RedisAddress::parse(std::string_view url) {
    constexpr std::string_view scheme = "redis://";
    if (!url.starts_with(scheme)) return std::nullopt;
    url.remove_prefix(scheme.size());
    RedisAddress address;
    const auto slash = url.find('/');
    if (slash != std::string_view::npos && slash + 1 < url.size()) {
        const auto digits = url.substr(slash + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.database);
        if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    }
    const auto place = url.substr(0, slash);
    const auto colon = place.rfind(':');
    const bool has_port = colon != std::string_view::npos && place.find(']', colon) == std::string_view::npos;
    auto host = place.substr(0, has_port ? colon : place.size());
    if (has_port) address.port = place.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    address.host = host;
    if (address.host.empty() || address.port.empty() ||
        address.port.find_first_not_of("0123456789") != std::string::npos)
        return std::nullopt;
    return address;
}

RedisClient::RedisClient(asio::any_io_executor executor, RedisOptions options)
    : executor_(executor), options_(std::move(options)), socket_(executor) {}

void RedisClient::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

boost::system::error_code RedisClient::fail(std::string why) {
    close();
    problem_ = options_.url + ": " + why;
    return LockError::unavailable;
}

Awaitable<Result<RedisReply>> RedisClient::call(std::vector<std::string> words) {
    if (!socket_.is_open()) {
        const auto error = co_await connect();
        if (error) co_return error;
    }
    co_return co_await exchange(words);
}

Awaitable<boost::system::error_code> RedisClient::connect() {
    const auto address = RedisAddress::parse(options_.url);
    if (!address) co_return fail("not a redis:// URL");
    reader_ = RedisReader();
    asio::ip::tcp::resolver resolver(executor_);
    {
        const TimeLimit limit(socket_, &resolver, options_.timeout);
        const auto [unresolved, endpoints] = co_await resolver.async_resolve(address->host, address->port, token);
        if (unresolved) co_return fail("cannot find " + address->host + ": " + unresolved.message());
        boost::system::error_code error;
        for (const auto& endpoint : endpoints) {
            if (limit.passed()) break; // finding the name took all the time
            socket_ = asio::ip::tcp::socket(executor_);
            const auto [failed] = co_await socket_.async_connect(endpoint.endpoint(), token);
            error = failed;
            if (!error || limit.passed()) break;
        }
        if (limit.passed()) co_return fail("cannot connect in time");
        if (error) co_return fail("cannot connect: " + error.message());
    }
    co_return co_await introduce(address->database);
}

Awaitable<boost::system::error_code> RedisClient::introduce(unsigned database) {
    std::vector<std::vector<std::string>> commands;
    if (!options_.username.empty()) commands.push_back({"AUTH", options_.username, options_.password});
    else if (!options_.password.empty()) commands.push_back({"AUTH", options_.password});
    if (database != 0) commands.push_back({"SELECT", std::to_string(database)});
    for (const auto& command : commands) {
        const auto reply = co_await exchange(command);
        if (!reply) co_return reply.error();
        if (reply->type == RedisReply::Type::error) co_return fail(command[0] + " refused: " + reply->text);
    }
    co_return boost::system::error_code();
}

Awaitable<Result<RedisReply>> RedisClient::exchange(const std::vector<std::string>& words) {
    const TimeLimit limit(socket_, nullptr, options_.timeout);
    const auto command = format_command(words);
    const auto [unsent, sent] = co_await asio::async_write(socket_, asio::buffer(command), token);
    if (unsent) co_return fail("cannot send: " + unsent.message());
    RedisReply reply;
    std::array<char, 4096> bytes;
    for (;;) {
        const auto [error, got] = co_await socket_.async_read_some(asio::buffer(bytes), token);
        if (limit.passed()) co_return fail("no answer in time");
        if (error) co_return fail("no answer: " + error.message());
        const auto state = reader_.feed({bytes.data(), got}, reply);
        if (state == ReaderState::has_reply) co_return reply;
        if (state == ReaderState::broken) co_return fail("it does not speak Redis's protocol");
    }
}

} // namespace weir::lock
