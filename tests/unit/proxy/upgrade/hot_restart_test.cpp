#include "proxy/upgrade/hot_restart_channel.h"
#include "proxy/upgrade/hot_restart_message.h"
#include "tests/catch.h"

#include <boost/asio/co_spawn.hpp>

#include <optional>

#include <sys/socket.h>
#include <sys/stat.h>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;

namespace {

// A socket pair like the one between the two processes of a hot restart.
struct Pair {
    Pair() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
        old_end.reset(ends[0]);
        channel = HotRestartChannel(UniqueFd(ends[1]));
    }
    void send(const std::string& text, int descriptor = -1) {
        REQUIRE(send_message(old_end.get(), {text, descriptor}));
    }
    std::string receive() {
        char bytes[256];
        const auto got = ::recv(old_end.get(), bytes, sizeof bytes, MSG_DONTWAIT);
        return {bytes, got > 0 ? static_cast<std::size_t>(got) : 0};
    }

    UniqueFd old_end;
    HotRestartChannel channel;
};

UniqueFd make_socket() { return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

ino_t inode_of(int descriptor) {
    struct stat info {};
    REQUIRE(::fstat(descriptor, &info) == 0);
    return info.st_ino;
}

} // namespace

TEST_CASE("a new process receives the state that the old one sends") {
    HotRestartState sent;
    const auto address = *conf::Address::parse("[::1]:80");
    for (int i = 0; i < 2; ++i) sent.listeners[address].push_back(std::make_shared<const UniqueFd>(make_socket()));
    sent.config_hash = "abc";
    sent.admin = {"unix:/run/a b/weir.sock", make_socket()};
    sent.health.push_back({"web", "b0", "10.0.0.1:80", health::Verdict::down, {0, 4}, weir::Clock::WallTime(1234s)});
    sent.health.push_back({"web", "b1", "10.0.0.2:80", health::Verdict::up, {2, 0}, std::nullopt});
    const auto backend = *conf::BackendAddress::parse("app.test:80");
    sent.operator_overrides.push_back({"web", "b0", {conf::AdminState::drain, std::nullopt, backend}});
    sent.agent_overrides.push_back({"web", "b1", {std::nullopt, 7, {}}});

    Pair pair;
    for (const auto& message : to_messages(sent)) pair.send(message.text, message.descriptor);
    const auto got = pair.channel.receive();
    REQUIRE(got);
    REQUIRE(got->listeners.at(address).size() == 2);
    for (std::size_t i = 0; i < 2; ++i)
        CHECK(inode_of(got->listeners.at(address)[i]->get()) == inode_of(sent.listeners[address][i]->get()));
    CHECK(got->config_hash == "abc");
    CHECK(got->admin.address == "unix:/run/a b/weir.sock");
    CHECK(inode_of(got->admin.socket.get()) == inode_of(sent.admin.socket.get()));
    REQUIRE(got->health.size() == 2);
    CHECK(got->health[0].name == "b0");
    CHECK(got->health[0].verdict == health::Verdict::down);
    CHECK(got->health[0].progress == health::Progress{0, 4});
    CHECK(got->health[0].since == weir::Clock::WallTime(1234s));
    CHECK_FALSE(got->health[1].since);
    REQUIRE(got->operator_overrides.size() == 1);
    CHECK(got->operator_overrides[0].change == sent.operator_overrides[0].change);
    REQUIRE(got->agent_overrides.size() == 1);
    CHECK(got->agent_overrides[0].change == sent.agent_overrides[0].change);
}

TEST_CASE("unknown messages of another version are skipped") {
    Pair pair;
    const auto socket = make_socket();
    pair.send("novelty 1 2 3");
    pair.send("novelty with a socket", socket.get());
    pair.send("health web b0 10.0.0.1:80 1 2 0"); // without a time, as older versions send it
    pair.send("end");
    const auto got = pair.channel.receive();
    REQUIRE(got);
    REQUIRE(got->health.size() == 1);
    CHECK(got->health[0].verdict == health::Verdict::up);
    CHECK_FALSE(got->health[0].since);
}

TEST_CASE("a malformed or incomplete state is refused with the reason") {
    const auto reason_for = [](const std::string& text) {
        Pair pair;
        pair.send(text);
        pair.old_end.reset();
        const auto got = pair.channel.receive();
        REQUIRE_FALSE(got);
        return got.error().message();
    };
    CHECK(reason_for("health web b0 10.0.0.1:80 9 0 0") == "hot restart: malformed health record");
    CHECK(reason_for("override web b0 1 1000") == "hot restart: malformed override record");
    CHECK(reason_for("listen 127.0.0.1:80") == "hot restart: a socket is missing");
    CHECK(reason_for("config abc") == "hot restart: the connection was closed"); // the state has no "end"
}

TEST_CASE("a new process says what it does not use, and obeys the decision") {
    Pair pair;
    pair.channel.send_ready({"127.0.0.1:80", "admin"});
    CHECK(pair.receive() == "unused 127.0.0.1:80");
    CHECK(pair.receive() == "unused admin");
    CHECK(pair.receive() == "ready");
    std::optional<TakeoverDecision> wanted = TakeoverDecision::go;
    SECTION("go") { pair.send("go"); }
    SECTION("no") {
        pair.send("no");
        wanted = TakeoverDecision::no;
    }
    SECTION("the old process is gone") { pair.old_end.reset(); }
    boost::asio::io_context control;
    std::optional<TakeoverDecision> decision;
    boost::asio::co_spawn(control, pair.channel.wait_for_decision(control),
                          [&](const std::exception_ptr&, TakeoverDecision made) { decision = made; });
    control.run();
    CHECK(decision == wanted);
    CHECK(pair.channel.is_open()); // it stays open until the service manager knows this process
}
