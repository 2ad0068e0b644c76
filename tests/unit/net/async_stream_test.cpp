#include "base/use_nothrow_awaitable.h"
#include "net/async_stream.h"
#include "tests/catch.h"
#include "tests/unit/support/test_certificates.h"
#include "tls/client_context.h"
#include "tls/server_context.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <array>

#include <sys/socket.h>

using namespace weir;
using net::AsyncStream;
namespace asio = boost::asio;

namespace {

// Two connected streams, and the TLS contexts of both sides.
struct Streams {
    Streams() {
        std::array<int, 2> pair{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()) == 0);
        const asio::generic::stream_protocol protocol(AF_UNIX, 0);
        client.socket().assign(protocol, pair[0]);
        server.socket().assign(protocol, pair[1]);
        const auto files = authority.issue({{"app.example"}});
        tls::ServerOptions options;
        options.certificates = {
            tls::Certificate::load(files.cert, files.key, std::chrono::system_clock::now()).certificate};
        options.tickets = std::make_shared<tls::TicketKeys>();
        server_context = *tls::ServerContext::make(std::move(options));
        client_context = *tls::ClientContext::make(
            {.verification = tls::Verification::none, .roots = nullptr, .certificate = nullptr, .server_name = ""});
    }

    // Runs both coroutines to their ends.
    void run(asio::awaitable<void> one, asio::awaitable<void> other) {
        const auto rethrow = [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        };
        asio::co_spawn(context, std::move(one), rethrow);
        asio::co_spawn(context, std::move(other), rethrow);
        context.restart();
        context.run();
    }

    asio::awaitable<void> secure_client() {
        const auto done = co_await client.start_tls(client_context->new_session("app.example", ""));
        CHECK(done);
    }
    asio::awaitable<void> secure_server() {
        const auto done = co_await server.start_tls(server_context->new_session());
        CHECK(done);
    }
    void secure() { run(secure_client(), secure_server()); }

    tests::TestAuthority authority;
    asio::io_context context{1};
    AsyncStream client{context.get_executor()}, server{context.get_executor()};
    std::shared_ptr<const tls::ServerContext> server_context;
    std::shared_ptr<const tls::ClientContext> client_context;
};

asio::awaitable<void> send(AsyncStream& stream, std::string_view text) {
    const auto [error, sent] = co_await asio::async_write(stream, asio::buffer(text), use_nothrow_awaitable);
    CHECK_FALSE(error);
    CHECK(sent == text.size());
}

asio::awaitable<void> receive(AsyncStream& stream, std::string expected) {
    std::string text(expected.size(), '\0');
    const auto [error, got] = co_await asio::async_read(stream, asio::buffer(text), use_nothrow_awaitable);
    CHECK_FALSE(error);
    CHECK(text == expected);
}

asio::awaitable<void> read_end(AsyncStream& stream, boost::system::error_code& end) {
    std::array<char, 100> bytes{};
    std::size_t got = 0;
    std::tie(end, got) = co_await stream.async_read_some(asio::buffer(bytes), use_nothrow_awaitable);
    CHECK(got == 0);
}

asio::awaitable<void> nothing() { co_return; }

} // namespace

TEST_CASE("bytes pass through TLS both ways, more than the socket holds") {
    Streams streams;
    streams.secure();
    std::string large(3'000'000, '\0');
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 % 251);
    streams.run(send(streams.client, large), receive(streams.server, large));
    streams.run(send(streams.server, "small"), receive(streams.client, "small"));
}

TEST_CASE("several buffers arrive in their order") {
    Streams streams;
    streams.secure();
    const std::string head = "head ", empty, body(40'000, 'b');
    const auto write = [&]() -> asio::awaitable<void> {
        const std::array<asio::const_buffer, 3> parts{asio::buffer(head), asio::buffer(empty), asio::buffer(body)};
        const auto [error, sent] = co_await asio::async_write(streams.client, parts, use_nothrow_awaitable);
        CHECK_FALSE(error);
        CHECK(sent == head.size() + body.size());
    };
    streams.run(write(), receive(streams.server, head + body));
}

TEST_CASE("the end of a TLS connection is told apart from one that is cut off") {
    Streams streams;
    streams.secure();
    boost::system::error_code end, ignored;
    SECTION("close_notify") {
        streams.client.finish_sending();
        streams.run(read_end(streams.server, end), nothing());
        CHECK(end == asio::error::eof);
    }
    SECTION("a closed socket") {
        streams.client.close(ignored);
        streams.run(read_end(streams.server, end), nothing());
        CHECK(end.failed()); // stream_truncated, or a reset
        CHECK(end != asio::error::eof);
    }
}

TEST_CASE("writing to a closed TLS connection is an error and raises no signal") {
    Streams streams;
    streams.secure();
    boost::system::error_code ignored;
    streams.server.close(ignored);
    const auto write = [&]() -> asio::awaitable<void> {
        const auto [error, _] =
            co_await asio::async_write(streams.client, asio::buffer("text", 4), use_nothrow_awaitable);
        CHECK(error == asio::error::broken_pipe);
    };
    streams.run(write(), nothing());
}

TEST_CASE("closing a stream ends its handshake") {
    Streams streams;
    bool failed = false;
    const auto wait = [&]() -> asio::awaitable<void> {
        const auto done = co_await streams.client.start_tls(streams.client_context->new_session("app.example", ""));
        failed = !done;
    };
    const auto close = [&]() -> asio::awaitable<void> {
        boost::system::error_code ignored;
        streams.client.close(ignored);
        co_return;
    };
    streams.run(wait(), close());
    CHECK(failed);
}

TEST_CASE("a TLS connection is detached, used, and attached again") {
    Streams streams;
    streams.secure();
    const auto detached = std::make_unique<net::DetachedStream>(streams.server.detach());
    CHECK_FALSE(streams.server.is_open());
    std::array<char, 100> bytes{};
    CHECK_FALSE(detached->receive(bytes));
    streams.run(send(streams.client, "question"), nothing());
    REQUIRE(detached->receive(bytes) == 8);
    CHECK(std::string_view(bytes.data(), 8) == "question");
    CHECK(detached->send("answer"));
    streams.run(receive(streams.client, "answer"), nothing());
    AsyncStream again(streams.context.get_executor(), std::move(*detached));
    REQUIRE(again.is_open());
    streams.run(send(again, "attached"), receive(streams.client, "attached"));
    again.finish_sending();
    boost::system::error_code end;
    streams.run(read_end(streams.client, end), nothing());
    CHECK(end == asio::error::eof);
}
