#include "lock/redis/redis_client.h"

#include "lock/redis/time_text.h"

#include <algorithm>
#include <exception>
#include <random>

namespace weir::lock {

namespace asio = boost::asio;

namespace {

struct Meaning {
    std::string_view word, help;
};
constexpr Meaning meanings[] = {
    {"LOADING", "it is reading its data back: wait"},
    {"READONLY", "it is a replica: name the master, or ask Sentinels (sentinel://HOST/MASTER)"},
    {"NOAUTH", "it wants a password: set password (and username) of this server"},
    {"WRONGPASS", "the username or the password is not right"},
    {"NOPERM", "its user may not run this: docs/fleet.md lists the rights that it needs"},
    {"MOVED", "it is one of a cluster and not responsible: name one server that is not of a cluster"},
    {"CLUSTERDOWN", "its cluster is down"},
    {"MASTERDOWN", "its link with its master is down"},
    {"OOM", "it is out of memory"},
    {"MISCONF", "it cannot write its data to the disk, and takes no changes until it can"},
    {"BUSY", "a script of somebody else's runs: wait"},
};

const Meaning* meaning_of(const std::string& error) {
    // The error for a command with many arguments before authentication.
    const bool is_stranger = error.starts_with("ERR Protocol error: unauthenticated");
    const auto word = is_stranger ? "NOAUTH" : error.substr(0, error.find(' '));
    const auto* it =
        std::find_if(std::begin(meanings), std::end(meanings), [&](const auto& m) { return m.word == word; });
    return it == std::end(meanings) ? nullptr : it;
}

} // namespace

std::string explain(const std::string& error) {
    const auto* meaning = meaning_of(error);
    return meaning ? error + " (" + std::string(meaning->help) + ")" : error;
}

bool is_about_server(const std::string& error) { return meaning_of(error) != nullptr; }

RedisClient::RedisClient(asio::any_io_executor executor, RedisOptions options)
    : options_(std::move(options)), stream_(executor, options_.timeout), queue_(executor) {}

boost::system::error_code RedisClient::fail(std::string why) {
    close();
    problem_ = options_.url + ": " + why;
    return LockError::unavailable;
}

void RedisClient::begin(Step step) {
    step_ = step;
    step_began_ = Clock::now();
}

std::string RedisClient::state() const {
    if (step_ == Step::none) return problem_.empty() ? options_.url + ": not asked yet" : problem_;
    const auto time = to_words(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - step_began_));
    return options_.url + (step_ == Step::connecting ? ": connecting for " : ": no answer for ") + time;
}

Awaitable<Result<RedisReply>> RedisClient::call(std::vector<std::string> words) {
    const auto asked = Clock::now();
    const auto turn = co_await queue_.enter();
    // A call that waited this long behind a server that hangs fails without being sent; otherwise calls would pile up.
    if (!stream_.is_open() && Clock::now() - asked >= options_.timeout) {
        if (problem_.empty()) fail("no answer for " + to_words(options_.timeout));
        co_return LockError::unavailable;
    }
    struct End { // also on an exception, because the next call would read the reply of this one
        RedisClient& client;
        const int exceptions = std::uncaught_exceptions();
        explicit End(RedisClient& whose) : client(whose) {}
        ~End() {
            if (std::uncaught_exceptions() > exceptions) client.close();
            client.step_ = Step::none;
        }
    } const end(*this);
    co_return co_await call_alone(std::move(words));
}

Awaitable<Result<RedisReply>> RedisClient::call_alone(std::vector<std::string> words) {
    if (!stream_.is_open()) {
        const auto error = co_await reconnect();
        if (error) co_return error;
    }
    begin(Step::asking);
    auto reply = co_await exchange(words);
    if (reply && reply->type == RedisReply::Type::error && is_about_server(reply->text)) fail(explain(reply->text));
    co_return reply;
}

// Reconnects with a jittered backoff, so that a server that is gone is not flooded, and not by all clients at once when
// it is back.
Awaitable<boost::system::error_code> RedisClient::reconnect() {
    if (!again_.may_try(Clock::now())) co_return LockError::unavailable; // problem_ still describes the last failure
    const auto error = co_await connect();
    static thread_local std::minstd_rand random{std::random_device{}()};
    if (error) again_.failed(Clock::now(), std::uniform_real_distribution<double>(0, 1)(random));
    else again_.succeeded(), ++connections_;
    co_return error;
}

Awaitable<boost::system::error_code> RedisClient::connect() {
    begin(Step::connecting);
    auto address = RedisAddress::parse(options_.url);
    if (!address) co_return fail("not a redis://, rediss:// or sentinel:// URL");
    if (address->kind == RedisAddress::Kind::sentinel)
        if (const auto error = co_await find_master(*address)) co_return error;
    reader_ = RedisReader();
    const auto why = co_await stream_.open(*address, options_.ca);
    if (!why.empty()) co_return fail(why);
    if (const auto error = co_await log_in(options_.username, options_.password)) co_return error;
    if (address->database == 0) co_return boost::system::error_code();
    const std::vector<std::string> select{"SELECT", std::to_string(address->database)};
    co_return co_await command(select);
}

// Asks the Sentinels in turn and trusts the first that knows the master.
Awaitable<boost::system::error_code> RedisClient::find_master(RedisAddress& address) {
    auto all = options_.sentinels;
    if (all.empty()) all.push_back(options_.url);
    std::string why;
    for (const auto& url : all) {
        const auto sentinel = RedisAddress::parse(url);
        if (!sentinel) continue;
        reader_ = RedisReader();
        auto failed = co_await stream_.open(*sentinel, "");
        const std::vector<std::string> question{"SENTINEL", "get-master-addr-by-name", sentinel->master};
        if (failed.empty())
            if (co_await log_in(options_.sentinel_username, options_.sentinel_password)) failed = problem_;
        if (failed.empty()) {
            const auto reply = co_await exchange(question);
            close();
            if (reply && reply->type == RedisReply::Type::error) {
                why += (why.empty() ? "" : "; ") + url + ": " + explain(reply->text);
                continue;
            }
            if (reply && reply->items.size() == 2) {
                address = RedisAddress{RedisAddress::Kind::plain, reply->items[0].text, reply->items[1].text, 0, ""};
                co_return boost::system::error_code();
            }
            failed = reply ? "it knows no master \"" + sentinel->master + "\"" : problem_;
        }
        why += (why.empty() ? "" : "; ") + url + ": " + failed;
    }
    co_return fail("no Sentinel tells where the master is: " + why);
}

Awaitable<boost::system::error_code> RedisClient::log_in(const std::string& username, const std::string& password) {
    if (password.empty()) co_return boost::system::error_code();
    std::vector<std::string> words{"AUTH"};
    if (!username.empty()) words.push_back(username);
    words.push_back(password);
    co_return co_await command(words);
}

Awaitable<boost::system::error_code> RedisClient::command(const std::vector<std::string>& words) {
    const auto reply = co_await exchange(words);
    if (!reply) co_return reply.error();
    if (reply->type == RedisReply::Type::error) co_return fail(words[0] + " refused: " + explain(reply->text));
    co_return boost::system::error_code();
}

Awaitable<Result<RedisReply>> RedisClient::exchange(const std::vector<std::string>& words) {
    const auto command = format_command(words);
    const auto end = Clock::now() + options_.timeout;
    auto why = co_await stream_.write(command);
    if (!why.empty()) co_return fail(why);
    RedisReply reply;
    for (;;) {
        std::string bytes;
        why = co_await stream_.read(bytes);
        if (!why.empty()) co_return fail(why);
        const auto state = reader_.feed(bytes, reply);
        if (state == ReaderState::has_reply) co_return reply;
        if (state == ReaderState::broken) co_return fail("it does not speak Redis's protocol");
        if (Clock::now() > end)
            co_return fail("no whole answer within " +
                           to_words(options_.timeout)); // even if the server sends a few bytes at a time
    }
}

} // namespace weir::lock
