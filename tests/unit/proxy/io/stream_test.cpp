#include "proxy/io/stream.h"
#include "tests/catch.h"
#include "tests/fuzz/support/memory_io.h"
#include "tests/unit/support/test_certificates.h"
#include "tests/unit/support/tls_client.h"
#include "tls/server_context.h"

#include <cerrno>
#include <string>

using namespace weir;
using namespace weir::proxy;

namespace {

class Bench final : public Waker {
public:
    explicit Bench(std::string_view first = {}) {
        const auto pair = authority_.issue({{"a.example"}});
        auto certificate = tls::Certificate::load(pair.cert, pair.key, std::chrono::system_clock::now()).certificate;
        context_ = *tls::ServerContext::make({.certificates = {certificate}, .tickets = tickets_});
        stream.open(loop_, UniqueFd(descriptor_), *this);
        stream.start_tls(context_->new_session(), blocks_, first, *this);
    }

    memory_io::Wire& wire() { return memory_io::wire(descriptor_); }

    // Returns the bytes that the server has sent since the last call.
    std::string sent() {
        auto bytes = wire().sent.substr(taken_);
        taken_ = wire().sent.size();
        return bytes;
    }

    // Finishes the handshake; each flight arrives in pieces of `piece` bytes.
    void shake_hands(std::size_t piece = std::string::npos) {
        auto status = HandshakeStatus::pending;
        for (int flight = 0; flight < 4 && status == HandshakeStatus::pending; ++flight) {
            const auto bytes = client.shake_hands(sent());
            for (std::size_t at = 0; at < bytes.size() && status == HandshakeStatus::pending; at += piece) {
                memory_io::arrive(wire(), std::string_view(bytes).substr(at, piece));
                status = stream.tls()->handshake();
                if (piece == std::string::npos) break;
            }
        }
        REQUIRE(status == HandshakeStatus::done);
        client.shake_hands(sent());
        REQUIRE(client.is_done());
    }

    // Reads until nothing is left, at most `room` bytes at a time.
    std::string receive(std::size_t room = 100) {
        std::string text, into(room, '\0');
        for (;;) {
            last = stream.receive(into);
            if (last.status != IoStatus::ok) return text;
            text.append(into, 0, last.bytes);
        }
    }

    IoResult send(std::initializer_list<std::string_view> texts) {
        std::vector<iovec> parts;
        for (const auto text : texts) parts.push_back({const_cast<char*>(text.data()), text.size()});
        return stream.send(parts);
    }

    void wake() override { ++wakes; }

    tests::TlsClient client;
    int wakes = 0;
    IoResult last{IoStatus::ok};

private:
    tests::TestAuthority authority_;
    std::shared_ptr<tls::TicketKeys> tickets_ = std::make_shared<tls::TicketKeys>();
    std::shared_ptr<const tls::ServerContext> context_;
    EventLoop loop_;
    BufferPool blocks_{64 * 1024, 4};
    const int descriptor_ = memory_io::make_wire();
    std::size_t taken_ = 0;

public:
    Stream stream;
};

const std::string alphabet = "abcdefghijklmnopqrstuvwxyz";

std::string long_text(std::size_t size) {
    std::string text;
    while (text.size() < size) text += alphabet + std::to_string(text.size());
    text.resize(size);
    return text;
}

} // namespace

TEST_CASE("bytes pass both ways through TLS") {
    Bench bench;
    bench.shake_hands();
    CHECK(std::string(bench.stream.tls()->facts().version) == "TLSv1.3");
    memory_io::arrive(bench.wire(), bench.client.encrypt("hello"));
    CHECK(bench.receive() == "hello");
    CHECK(bench.last.status == IoStatus::would_block);
    CHECK(bench.send({"head ", "body"}).bytes == 9);
    CHECK(bench.client.decrypt(bench.sent()) == "head body");
}

TEST_CASE("a handshake may arrive byte by byte") {
    Bench bench;
    bench.shake_hands(1);
    memory_io::arrive(bench.wire(), bench.client.encrypt("hello"));
    CHECK(bench.receive() == "hello");
}

TEST_CASE("bytes that were read before start_tls() begin the handshake") {
    tests::TlsClient early;
    const auto hello = early.shake_hands({});
    Bench bench(hello);
    CHECK(bench.stream.tls()->handshake() == HandshakeStatus::pending);
    const auto bytes = early.shake_hands(bench.sent());
    CHECK(early.is_done());
    memory_io::arrive(bench.wire(), bytes);
    CHECK(bench.stream.tls()->handshake() == HandshakeStatus::done);
}

TEST_CASE("a stream with only part of a record is not readable") {
    Bench bench;
    bench.shake_hands();
    const auto record = bench.client.encrypt("hello");
    for (std::size_t i = 0; i + 1 < record.size(); ++i) {
        memory_io::arrive(bench.wire(), record.substr(i, 1));
        CHECK(bench.receive().empty());
        CHECK_FALSE(bench.stream.readable());
    }
    memory_io::arrive(bench.wire(), record.substr(record.size() - 1));
    char byte = 0;
    CHECK(bench.stream.receive({&byte, 1}).bytes == 1);
    CHECK(bench.stream.readable());
    CHECK(bench.receive() == "ello");
    CHECK_FALSE(bench.stream.readable());
}

TEST_CASE("a slow reader holds back the sender, and gets the rest as it reads") {
    Bench bench;
    bench.shake_hands();
    bench.wire().window = 1000;
    const auto text = long_text(500'000);
    std::string got;
    std::size_t taken = 0;
    for (int rounds = 0; taken < text.size() || bench.stream.unsent_bytes() > 0; ++rounds) {
        REQUIRE(rounds < 2000);
        if (taken < text.size()) {
            const auto result = bench.send({std::string_view(text).substr(taken)});
            CHECK(result.status != IoStatus::failed);
            taken += result.bytes;
        }
        CHECK(bench.stream.unsent_bytes() < 70'000);
        got += bench.client.decrypt(bench.sent());
        memory_io::widen(bench.wire(), 1000);
    }
    CHECK(got + bench.client.decrypt(bench.sent()) == text);
    CHECK(bench.wakes > 0);
}

TEST_CASE("close_notify waits for what was sent before it") {
    Bench bench;
    bench.shake_hands();
    bench.wire().window = 10;
    const auto text = long_text(10'000);
    CHECK(bench.send({text}).bytes == text.size());
    bench.stream.finish_sending();
    CHECK_FALSE(bench.wire().closed);
    while (bench.stream.unsent_bytes() > 0) memory_io::widen(bench.wire(), 500);
    CHECK(bench.client.decrypt(bench.sent()) == text);
    CHECK(bench.client.was_told_to_close());
    CHECK(bench.wire().closed);
}

TEST_CASE("the peer's close_notify is an end, and a FIN without it is a failure") {
    Bench polite, cut;
    for (auto* bench : {&polite, &cut}) {
        bench->shake_hands();
        memory_io::arrive(bench->wire(), bench->client.encrypt("last"));
    }
    SSL_shutdown(polite.client.session());
    memory_io::arrive(polite.wire(), polite.client.to_send());
    CHECK(polite.receive() == "last");
    CHECK(polite.last.status == IoStatus::end);
    CHECK(polite.stream.fin_received());
    CHECK_FALSE(polite.stream.hung_up());
    CHECK(polite.stream.at_end());
    CHECK(polite.send({"answer"}).bytes == 6); // the peer may still read
    memory_io::end(cut.wire());
    CHECK(cut.receive() == "last");
    CHECK(cut.last.status == IoStatus::failed);
    CHECK(cut.last.error == ECONNRESET);
    CHECK_FALSE(cut.stream.fin_received());
}

TEST_CASE("an end that arrives with the last bytes is not lost") {
    Bench ended, tampered;
    for (auto* bench : {&ended, &tampered}) bench->shake_hands();
    auto bytes = ended.client.encrypt("last");
    SSL_shutdown(ended.client.session());
    memory_io::arrive(ended.wire(), bytes + ended.client.to_send());
    bytes = tampered.client.encrypt("last");
    bytes += tampered.client.encrypt("bad");
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    memory_io::arrive(tampered.wire(), bytes);
    for (const auto& [bench, end] : {std::pair{&ended, IoStatus::end}, std::pair{&tampered, IoStatus::failed}}) {
        std::string into(100, '\0');
        CHECK(bench->stream.receive(into).bytes == 4);
        CHECK(bench->stream.readable());
        CHECK(bench->stream.receive(into).status == end);
        CHECK(bench->stream.readable());
    }
}

TEST_CASE("a stream whose peer has left is at its end once everything is read") {
    Bench bench;
    bench.shake_hands();
    memory_io::arrive(bench.wire(), bench.client.encrypt("last"));
    CHECK_FALSE(bench.stream.at_end());
    memory_io::end(bench.wire());
    CHECK_FALSE(bench.stream.at_end());
    CHECK(bench.receive() == "last");
    CHECK(bench.stream.at_end());
}

TEST_CASE("a record without data leaves a stream idle") {
    Bench bench;
    bench.shake_hands();
    CHECK(bench.stream.is_idle());
    SSL_key_update(bench.client.session(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(bench.client.session());
    memory_io::arrive(bench.wire(), bench.client.to_send());
    CHECK(bench.stream.is_idle());
    CHECK(bench.send({"after the update"}).status == IoStatus::ok);
    CHECK(bench.client.decrypt(bench.sent()) == "after the update");
    memory_io::arrive(bench.wire(), bench.client.encrypt("x"));
    CHECK_FALSE(bench.stream.is_idle());
}

TEST_CASE("a fatal alert is a failure, not an end") {
    Bench bench;
    bench.shake_hands();
    auto bytes = bench.client.encrypt("last");
    bench.send({"x"});
    auto tampered = bench.sent();
    tampered.back() = static_cast<char>(tampered.back() ^ 1);
    CHECK(bench.client.decrypt(tampered).empty()); // the client answers with bad_record_mac
    memory_io::arrive(bench.wire(), bytes + bench.client.to_send());
    CHECK(bench.receive() == "last");
    CHECK(bench.last.status == IoStatus::failed);
    CHECK_FALSE(bench.stream.fin_received());
    CHECK(bench.stream.receive({tampered.data(), 1}).status == IoStatus::failed);
}

TEST_CASE("a flood of KeyUpdates ends the connection") {
    Bench bench;
    bench.shake_hands();
    std::string flood;
    for (int i = 0; i < 20'000; ++i) {
        SSL_key_update(bench.client.session(), SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(bench.client.session());
        flood += bench.client.to_send();
    }
    memory_io::arrive(bench.wire(), flood);
    CHECK(bench.receive().empty());
    CHECK(bench.last.status == IoStatus::failed);
    CHECK(bench.wire().read < 200'000);
    CHECK(bench.sent().size() < 200'000);
}

TEST_CASE("a client may ask for short records") {
    Bench bench;
    SSL_set_tlsext_max_fragment_length(bench.client.session(), TLSEXT_max_fragment_length_512);
    bench.shake_hands();
    const auto text = long_text(20'000);
    CHECK(bench.send({text}).bytes == text.size());
    CHECK(bench.client.decrypt(bench.sent()) == text);
}

TEST_CASE("plain HTTP on a TLS stream is recognised, and garbage is refused") {
    Bench http, garbage;
    memory_io::arrive(http.wire(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(http.stream.tls()->handshake() == HandshakeStatus::failed);
    CHECK(http.stream.tls()->got_plain_http());
    CHECK(std::string(http.stream.tls()->error()) == "http request");
    http.stream.abandon_tls();
    CHECK(http.send({"HTTP/1.1 400 Bad Request\r\n\r\n"}).status == IoStatus::ok);
    CHECK(http.sent() == "HTTP/1.1 400 Bad Request\r\n\r\n");
    memory_io::arrive(garbage.wire(), std::string(100, '\0'));
    CHECK(garbage.stream.tls()->handshake() == HandshakeStatus::failed);
    CHECK_FALSE(garbage.stream.tls()->got_plain_http());
}

TEST_CASE("tampered bytes end the connection") {
    Bench bench;
    bench.shake_hands();
    auto record = bench.client.encrypt("hello");
    record.back() = static_cast<char>(record.back() ^ 1);
    memory_io::arrive(bench.wire(), record);
    CHECK(bench.receive().empty());
    CHECK(bench.last.status == IoStatus::failed);
    CHECK(std::string(bench.stream.tls()->error()) == "decryption failed or bad record mac");
}
