#include "lock/redis/redis_client.h"

#include "lock/redis/time_text.h"

#include <exception>
#include <random>

namespace weir::lock {

namespace asio = boost::asio;

RedisClient::RedisClient(asio::any_io_executor executor, RedisOptions options)
    : clock_(clock_of(executor)), options_(std::move(options)), stream_(executor, options_.timeout), queue_(executor) {}

Error RedisClient::fail(const std::string& reason) {
    close();
    return problem_.emplace(LockError::unavailable, options_.url + ": " + reason);
}

void RedisClient::begin(Step step) {
    step_ = step;
    step_began_ = clock_.now();
}

std::string RedisClient::state() const {
    if (step_ == Step::none) return problem_ ? problem_->message() : options_.url + ": not contacted yet";
    const auto time = to_words(std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - step_began_));
    return options_.url + (step_ == Step::connecting ? ": connecting for " : ": no answer for ") + time;
}

Awaitable<Result<RedisReply>> RedisClient::call(std::vector<std::string> words) {
    const auto asked = clock_.now();
    const auto turn = co_await queue_.enter();
    // If the server hangs, a call that has waited this long for earlier ones fails without being sent; otherwise calls
    // would pile up.
    if (!stream_.is_open() && clock_.now() - asked >= options_.timeout) {
        co_return problem_ ? *problem_ : fail("no answer for " + to_words(options_.timeout));
    }
    struct End { // closes on an exception, because the next call would read the reply of this one
        RedisClient& client;
        const int exceptions = std::uncaught_exceptions();
        explicit End(RedisClient& owner) : client(owner) {}
        ~End() {
            if (std::uncaught_exceptions() > exceptions) client.close();
            client.step_ = Step::none;
        }
    } const end(*this);
    co_return co_await call_alone(std::move(words));
}

Awaitable<Result<RedisReply>> RedisClient::call_alone(std::vector<std::string> words) {
    if (!stream_.is_open()) {
        const auto connected = co_await reconnect();
        if (!connected) co_return connected.error();
    }
    begin(Step::asking);
    auto reply = co_await exchange(words);
    if (reply && reply->is_error() && is_about_server(reply->error)) fail(explain(*reply));
    co_return reply;
}

// Reconnects with a backoff, so that a server that fails is not flooded with attempts. Jitter keeps all clients from
// reconnecting at once when it is back.
Awaitable<Result<void>> RedisClient::reconnect() {
    if (!again_.may_try(clock_.now())) co_return *problem_; // the error of the attempt that failed
    auto connected = co_await connect();
    static thread_local std::minstd_rand random{std::random_device{}()};
    if (connected) {
        again_.succeeded();
        ++connections_;
    } else {
        problem_ = connected.error();
        again_.failed(clock_.now(), std::uniform_real_distribution<double>(0, 1)(random));
    }
    co_return connected;
}

Awaitable<Result<void>> RedisClient::connect() {
    begin(Step::connecting);
    auto address = RedisAddress::parse(options_.url);
    if (!address) co_return fail("not a redis://, rediss:// or sentinel:// URL");
    if (address->kind == RedisAddress::Kind::sentinel)
        if (const auto found = co_await find_master(*address); !found) co_return found.error();
    reader_ = RedisReader();
    const auto opened = co_await stream_.open(*address, options_.ca);
    if (!opened) co_return fail(opened.error().message());
    const auto logged_in = co_await log_in(options_.username, options_.password);
    if (!logged_in || address->database == 0) co_return logged_in;
    const std::vector<std::string> select{"SELECT", std::to_string(address->database)};
    co_return co_await command(select);
}

// Asks one Sentinel after the other, and replaces `address` by the master that the first answer names.
Awaitable<Result<void>> RedisClient::find_master(RedisAddress& address) {
    auto all = options_.sentinels;
    if (all.empty()) all.push_back(options_.url);
    std::string reasons;
    for (const auto& url : all) {
        const auto sentinel = RedisAddress::parse(url);
        if (!sentinel) continue;
        reader_ = RedisReader();
        auto found = co_await ask_sentinel(*sentinel);
        if (found) {
            address = *std::move(found);
            co_return Result<void>();
        }
        reasons += (reasons.empty() ? "" : "; ") + url + ": " + found.error().message();
    }
    co_return fail("no Sentinel knows the address of the master: " + reasons);
}

// Asks a Sentinel for the address of its master.
Awaitable<Result<RedisAddress>> RedisClient::ask_sentinel(const RedisAddress& sentinel) {
    const auto opened = co_await stream_.open(sentinel, "");
    if (!opened) co_return opened.error();
    const auto logged_in = co_await log_in(options_.sentinel_username, options_.sentinel_password);
    if (!logged_in) co_return logged_in.error();
    const std::vector<std::string> question{"SENTINEL", "get-master-addr-by-name", sentinel.master};
    const auto reply = co_await exchange(question);
    close();
    if (!reply) co_return reply.error();
    if (reply->is_error()) co_return Error(explain(*reply));
    if (reply->items.size() != 2) co_return Error("it does not know the master \"" + sentinel.master + "\"");
    co_return RedisAddress{RedisAddress::Kind::plain, reply->items[0].text, reply->items[1].text, 0, ""};
}

Awaitable<Result<void>> RedisClient::log_in(const std::string& username, const std::string& password) {
    if (password.empty()) co_return Result<void>();
    std::vector<std::string> words{"AUTH"};
    if (!username.empty()) words.push_back(username);
    words.push_back(password);
    co_return co_await command(words);
}

Awaitable<Result<void>> RedisClient::command(const std::vector<std::string>& words) {
    const auto reply = co_await exchange(words);
    if (!reply) co_return reply.error();
    if (reply->is_error()) co_return fail(words[0] + " refused: " + explain(*reply));
    co_return Result<void>();
}

Awaitable<Result<RedisReply>> RedisClient::exchange(const std::vector<std::string>& words) {
    const auto command = format_command(words);
    const auto end = clock_.now() + options_.timeout;
    const auto written = co_await stream_.write(command);
    if (!written) co_return fail(written.error().message());
    RedisReply reply;
    for (;;) {
        const auto bytes = co_await stream_.read();
        if (!bytes) co_return fail(bytes.error().message());
        const auto state = reader_.feed(*bytes, reply);
        if (state == ReaderState::has_reply) co_return reply;
        if (state == ReaderState::broken) co_return fail("invalid reply: this is not a Redis server");
        if (clock_.now() > end)
            co_return fail("no complete answer within " +
                           to_words(options_.timeout)); // even if the server sends a few bytes at a time
    }
}

} // namespace weir::lock
