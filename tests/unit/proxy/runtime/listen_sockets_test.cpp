#include "proxy/runtime/listen_sockets.h"
#include "tests/catch.h"

#include <cerrno>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

using namespace weir;
using namespace weir::proxy;

namespace {

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

// Returns a loopback address whose port is currently free.
conf::Address free_address() {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage raw;
    auto length = conf::Address::parse("127.0.0.1:1")->to_sockaddr(raw);
    reinterpret_cast<sockaddr_in&>(raw).sin_port = 0;
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&raw), length) == 0);
    REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&raw), &length) == 0);
    return conf::Address::from(reinterpret_cast<const sockaddr*>(&raw));
}

// Binds the addresses and commits them.
void apply(ListenSockets& sockets, const std::vector<conf::Address>& addresses) {
    auto prepared = sockets.prepare(addresses);
    ListenSockets::listen(prepared);
    REQUIRE(prepared.failures.empty());
    sockets.commit(std::move(prepared));
}

} // namespace

TEST_CASE("each worker has a socket of its own for an address, and keeps it") {
    ListenSockets sockets(3);
    const auto address = free_address();
    apply(sockets, {address});
    CHECK(sockets.all().at(address).size() == 3);
    const auto first = sockets.of_worker(address, 0), second = sockets.of_worker(address, 1);
    REQUIRE(first.size() == 1);
    CHECK(first != second);
    apply(sockets, {address, free_address()});
    CHECK(sockets.of_worker(address, 0) == first);
}

TEST_CASE("sockets of a change that is not committed are closed") {
    ListenSockets sockets(1);
    const auto address = free_address();
    { const auto prepared = sockets.prepare({address}); }
    apply(sockets, {address}); // its port is free again
    CHECK(sockets.all().size() == 1);
}

TEST_CASE("an address that is in use is a failure with the code of the system") {
    ListenSockets one(1), other(1);
    const auto address = free_address();
    apply(one, {address});
    const auto prepared = other.prepare({address});
    REQUIRE(prepared.failures.size() == 1);
    CHECK(prepared.failures[0].address == address);
    CHECK(prepared.failures[0].error.code() == boost::system::errc::address_in_use);
}

TEST_CASE("a socket that leaves is closed when its worker has drained it") {
    ListenSockets sockets(1);
    const auto address = free_address();
    apply(sockets, {address});
    auto of_worker = sockets.of_worker(address, 0);
    const int descriptor = of_worker[0]->get();
    SECTION("the configuration no longer has the address") { apply(sockets, {}); }
    SECTION("weir is stopping") { sockets.release(); }
    CHECK(is_open(descriptor));
    of_worker.clear();
    CHECK_FALSE(is_open(descriptor));
}

TEST_CASE("inherited sockets are used before new ones, and closed if unused") {
    ListenSockets old(3), sockets(2);
    const auto used = free_address(), unused = free_address();
    apply(old, {used, unused});
    auto inherited = old.all();
    const auto first = inherited.at(used);
    const int left = inherited.at(unused)[0]->get();
    old.release();
    sockets.inherit(std::move(inherited));
    CHECK(sockets.unused().size() == 2);
    auto prepared = sockets.prepare({used});
    ListenSockets::listen(prepared);
    CHECK(sockets.unused() == std::vector{unused});
    sockets.commit(std::move(prepared));
    CHECK(sockets.all().at(used) == first);
    CHECK(sockets.of_worker(used, 0) == std::vector{first[0], first[2]}); // the old process had more workers
    CHECK_FALSE(is_open(left));
}

TEST_CASE("accepted connections inherit their options") {
    ListenSockets sockets(1);
    const auto address = free_address();
    apply(sockets, {address});
    const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage raw;
    const auto length = address.to_sockaddr(raw);
    REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&raw), length) == 0);
    const UniqueFd accepted(::accept(sockets.of_worker(address, 0).front()->get(), nullptr, nullptr));
    REQUIRE(accepted);
    const auto option = [&](int level, int name) {
        int value = 0;
        socklen_t size = sizeof value;
        REQUIRE(::getsockopt(accepted.get(), level, name, &value, &size) == 0);
        return value;
    };
    CHECK(option(IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(option(SOL_SOCKET, SO_OOBINLINE) == 1);
    CHECK(option(IPPROTO_TCP, TCP_NOTSENT_LOWAT) == 64 * 1024);
}
