// Untrusted bytes on a TLS listener: the ClientHello, the server name in it, and bytes that are not a handshake. The
// first byte of the input determines the number of pieces in which the rest arrives.
//
// Thread: one.
// Lifetime: that of the process.
#include "proxy/io/stream.h"
#include "tests/fuzz/support/memory_io.h"
#include "tests/unit/support/test_certificates.h"
#include "tls/server_context.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace weir;
using namespace weir::proxy;

namespace {

constexpr std::size_t most_answered = 64 * 1024; // before the client has completed a handshake

struct Fixture {
    Fixture() {
        tests::TestAuthority authority;
        tls::ServerOptions options;
        for (const auto* name : {"a.example", "*.b.example"}) {
            const auto pair = authority.issue({{name}});
            const auto now = std::chrono::system_clock::now();
            options.certificates.push_back(tls::Certificate::load(pair.cert, pair.key, now).certificate);
        }
        options.alpn = {"http/1.1"};
        options.tickets = tickets;
        context = *tls::ServerContext::make(std::move(options));
    }

    std::shared_ptr<tls::TicketKeys> tickets = std::make_shared<tls::TicketKeys>();
    std::shared_ptr<const tls::ServerContext> context;
    EventLoop loop;
    BufferPool blocks{64 * 1024, 4};
};

struct NoOne final : Waker {
    void wake() override {}
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Fixture fixture;
    if (size == 0) return 0;
    memory_io::clear();
    NoOne user;
    const int descriptor = memory_io::make_wire();
    Stream stream;
    stream.open(fixture.loop, UniqueFd(descriptor), user);
    stream.start_tls(fixture.context->new_session(), fixture.blocks, {}, user);
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    const auto piece = std::max<std::size_t>(bytes.size() / (data[0] + 1U), 1);
    auto status = HandshakeStatus::pending;
    for (std::size_t at = 0; at < bytes.size() && status == HandshakeStatus::pending; at += piece) {
        memory_io::arrive(memory_io::wire(descriptor), bytes.substr(at, piece));
        status = stream.tls()->handshake();
    }
    if (status == HandshakeStatus::done) std::abort(); // impossible without the server's random numbers
    if (status == HandshakeStatus::failed && *stream.tls()->error() == '\0') std::abort(); // a failure without a reason
    if (memory_io::wire(descriptor).sent.size() > most_answered) std::abort();
    return 0;
}
