// Tests with a real redis-server: the order of calls, and the errors for servers that do not answer.
#include "lock/redis/redis_client.h"
#include "lock/redis/redis_quorum.h"
#include "lock/redis/redlock.h"
#include "lock/redis/time_text.h"
#include "tests/support/redis_server.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>

using namespace weir::lock;
using namespace weir::tests;

namespace {

using Words = std::vector<std::string>;

// Makes the calls one after the other.
Awaitable<int> call_all(RedisClient& client, std::vector<Words> calls) {
    for (auto& words : calls) {
        const auto reply = co_await client.call(std::move(words));
        CHECK(reply.has_value());
    }
    co_return 0;
}

// A port whose connection queue is full: the kernel does not answer another connection.
class Unanswering {
public:
    explicit Unanswering(asio::io_context& context) : acceptor_(context) {
        acceptor_.open(asio::ip::tcp::v4());
        acceptor_.bind({asio::ip::address_v4::loopback(), 0});
        acceptor_.listen(0);
        for (int i = 0; i < 3; ++i) {
            auto& socket = *waiting_.emplace_back(std::make_unique<asio::ip::tcp::socket>(context));
            socket.async_connect(acceptor_.local_endpoint(), [](boost::system::error_code) {});
        }
    }
    std::string url() const { return "redis://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

private:
    asio::ip::tcp::acceptor acceptor_;
    std::vector<std::unique_ptr<asio::ip::tcp::socket>> waiting_;
};

RedisOptions with_timeout(std::string url, milliseconds timeout) { return {std::move(url), "", "", timeout, "", {}}; }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("calls that wait for a connection are sent in the order they were made") {
    asio::io_context context;
    RedisServer server(context);
    RedisClient client(context.get_executor(), server.options());
    const std::vector<Words> first{{"RPUSH", "calls", "a"}, {"RPUSH", "calls", "c"}}, second{{"RPUSH", "calls", "b"}};
    asio::co_spawn(context, call_all(client, first), asio::detached);
    wait_for(context, call_all(client, second));
    while (server.call({"LLEN", "calls"}).number < 3) pass(context, milliseconds(1));
    std::string order;
    for (const auto& item : server.call({"LRANGE", "calls", "0", "-1"}).items) order += item.text;
    CHECK(order == "abc"); // c is sent after the answer to a, when b is already waiting
}

TEST_CASE("each server of a majority that has not answered is named with its step") {
    asio::io_context context;
    RedisServer gone(context), hung(context);
    Unanswering unanswering(context);
    gone.kill();
    hung.hang();
    const auto quorum = [&](milliseconds timeout) {
        return std::make_shared<RedisQuorum>(context.get_executor(),
                                             std::vector{with_timeout(gone.url(), timeout),
                                                         with_timeout(unanswering.url(), timeout),
                                                         with_timeout(hung.url(), timeout)});
    };
    const Words question{"return 1", "0"};
    const auto patient = quorum(std::chrono::hours(1));
    CHECK(has(patient->state(), gone.url() + ": not contacted yet"));
    asio::co_spawn(context, patient->run(question), asio::detached);
    while (!has(patient->state(), hung.url() + ": no answer for ") ||
           !has(patient->state(), gone.url() + ": cannot connect: Connection refused"))
        pass(context, milliseconds(5));
    CHECK(has(patient->state(), unanswering.url() + ": connecting for "));

    const auto quick = quorum(milliseconds(200));
    const auto answered = wait_for(context, quick->run(question));
    CHECK(answered.error() == LockError::unavailable);
    CHECK(answered.error().message() == "0 of 3 servers answer: " + gone.url() +
                                            ": cannot connect: Connection refused; " + unanswering.url() +
                                            ": cannot connect within 200 ms; " + hung.url() + ": no answer for 200 ms");
}

TEST_CASE("a server that answers with an error is named") {
    asio::io_context context;
    RedisServer server(context);
    RedisQuorum quorum(context.get_executor(), {server.options()});
    const auto answered = wait_for(context, quorum.run({"return redis.error_reply('OOM full')", "0"}));
    CHECK(answered.error().message().starts_with(server.url() + ": OOM full"));
}

TEST_CASE("a majority that leases without a fence is unavailable, without holder") {
    asio::io_context context;
    const TempDirectory state;
    std::vector<std::unique_ptr<RedisServer>> servers;
    std::vector<RedisOptions> options;
    for (int i = 0; i < 3; ++i) {
        auto& server = *servers.emplace_back(std::make_unique<RedisServer>(context));
        // The user can acquire a lease, but not read the fence.
        server.call({"ACL", "SETUSER", "weir", "on", ">secret", "~*", "+@all", "-get"});
        options.push_back({server.url(), "weir", "secret", milliseconds(10'000), "", {}});
    }
    Redlock lock(context.get_executor(), options, LeaseTerms{"t", milliseconds(60'000), 0},
                 AsyncFenceStore(context.get_executor(), state.path));
    const auto taken = wait_for(context, lock.try_acquire("me"));
    CHECK(taken.error() == LockError::unavailable);
    CHECK(has(taken.error().message(), "0 of 3 servers answer: "));
    for (const auto& server : servers) CHECK(has(taken.error().message(), server->url() + ": "));
}

TEST_CASE("times in messages are in milliseconds up to a second") {
    CHECK(to_words(milliseconds(999)) == "999 ms");
    CHECK(to_words(milliseconds(1000)) == "1 s");
    CHECK(to_words(milliseconds(2599)) == "2.5 s");
}
