// HTTP/1.1 clients and backends that speak HTTP/2 over a transport in memory: the backends send frames and any other
// bytes, at any time, and end, reset or stall, while clients ask, leave or stall. Plain readers that share no code with
// weir check everything that it sends:
//
// - a backend gets legal HTTP/2 within the windows and the number of streams that it has allowed, and each stream
//   carries the request of one of the clients, and its body as far as it goes;
// - a response that looks complete is weir's own, or a whole and legal one that a backend sent on a stream of that
//   client's request; a tunnel carries what its ends have sent;
// - a request is sent again only if the last stream that carried it was refused, or has failed and the method is
//   idempotent;
// - a client that stays and reads gets an answer;
// - no session, stream or connection is left when all peers have gone, or all time limits have passed.
//
// An input is a script (support/http2_pool_script.h).
#include "tests/fuzz/support/http2_pool_reading.h"
#include "tests/fuzz/support/http2_pool_script.h"
#include "tests/fuzz/support/memory_io.h"
#include "tests/fuzz/support/memory_worker.h"
#include "tests/fuzz/support/reference.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace weir;
using namespace weir::proxy;
using http2_pool_reading::Answer;
using http2_pool_reading::BackendReading;
using http2_pool_reading::never;
using http2_pool_reading::Request;
using http2_pool_reading::value_of;
using http2_pool_reading::WeirReading;
using http2_pool_script::Asker;
using reference::Message;
using reference::Reading;

namespace {

const http2_pool_script::Script* playing = nullptr;

[[noreturn]] void fail(const char* why) {
    for (const auto& client : playing->clients()) memory_io::dump("a client", *client.wire);
    for (const int descriptor : memory_io::connected()) memory_io::dump("a backend", memory_io::wire(descriptor));
    std::fprintf(stderr, "%s\n", why);
    std::abort();
}

conf::Config make_config() {
    conf::Config config;
    const auto second = conf::Duration(1000);
    config.timeouts = {second, second, second, second, second, second};
    config.limits.body_size.bytes = 60'000;
    config.retries.attempts = 2;
    config.logging.access.output = "none";
    conf::Pool pool;
    pool.name = "web";
    pool.protocol = conf::BackendProtocol::http2;
    for (const char* address : {"10.0.0.1:80", "10.0.0.2:80"})
        pool.backends.push_back({address, *conf::Address::parse(address)});
    config.pools.push_back(pool);
    config.listeners.push_back({"web", *conf::Address::parse("10.0.0.9:80"), conf::Protocol::http, "web"});
    return config;
}

// One stream of a backend's connection, with both of its sides.
struct Stream {
    std::uint32_t id;
    const memory_io::Wire* wire;
    std::size_t moment; // when weir began to send it
    Request request;
    Answer answer;              // empty: none
    std::size_t goaway = never; // the moment of a GOAWAY that leaves it out

    bool is_refused() const {
        return goaway != never || (answer.reset != never && answer.error_code == 7); // REFUSED_STREAM
    }
    bool has_failed() const {
        return is_refused() || answer.reset != never || answer.is_malformed || request.reset || wire->ended ||
               wire->reset || wire->closed;
    }
};

std::size_t moment_of(const memory_io::Wire& wire, std::size_t offset) {
    std::size_t found = 0;
    for (const auto& [from, moment] : wire.when)
        if (from <= offset) found = moment;
    return found;
}

// The body as the backend must get it.
std::string body_of(const Asker& client) {
    return client.head.find("chunked") == std::string::npos ? client.body : "hello";
}

struct Checker {
    const std::vector<Asker>& clients;
    const std::map<int, std::vector<http2_reading::Progress>>& progress;
    std::vector<Stream> streams{};

    void read_connection(int descriptor) {
        const auto& wire = memory_io::wire(descriptor);
        const auto backend = http2_pool_reading::read_backend(wire.arriving);
        const auto weir = http2_pool_reading::read_weir(wire.sent, backend, progress.at(descriptor));
        if (weir.error) fail(weir.error);
        for (const auto& [id, request] : weir.requests) {
            Stream stream{id, &wire, moment_of(wire, request.begun), request, {}};
            if (const auto found = backend.answers.find(id); found != backend.answers.end())
                stream.answer = found->second;
            for (const auto& goaway : backend.goaways)
                if (goaway.last_id < id) stream.goaway = std::min(stream.goaway, goaway.moment);
            streams.push_back(std::move(stream));
        }
    }

    // A backend may only have what the client of the path has sent.
    void check_request(const Request& request) const {
        const auto path = value_of(request.head, ":path");
        const auto found = std::find_if(clients.begin(), clients.end(), [&](const auto& c) { return c.path == path; });
        if (found == clients.end()) fail("a request for a path that no client has asked for");
        if (request.is_websocket()) {
            if (!found->is_upgrade) fail("an extended CONNECT for another request");
            if (!found->tunneled.starts_with(request.body)) fail("a tunnel carries what its client has not sent");
            return;
        }
        if (found->is_upgrade) fail("a request to switch to WebSocket became another one");
        if (value_of(request.head, ":method") != found->method) fail("another method");
        const auto body = body_of(*found);
        if (!body.starts_with(request.body)) fail("another body");
        if (request.ended && request.body != body) fail("half a body looks whole");
        if (request.ended && found->sent < found->body.size()) fail("a body is whole before its client has sent it");
        for (const auto& [name, value] : request.trailers)
            if (name != "x-end" || value != "1") fail("another trailer");
    }

    // Streams with the same path are tries of one request.
    void check_tries(const Asker& client) const {
        const Stream* last = nullptr;
        for (const auto& stream : streams) {
            if (value_of(stream.request.head, ":path") != client.path) continue;
            const bool is_repeatable = client.method != "POST" && client.body.empty();
            if (last && !last->is_refused() && !(is_repeatable && last->has_failed()))
                fail(last->request.ended ? "a request is whole on two streams" : "a request is begun on two streams");
            last = &stream;
        }
    }

    static bool is_own_page(const Message& message) {
        return message.status() >= 400 &&
               message.all("content-type") == std::vector<std::string>{"text/plain; charset=utf-8"};
    }

    // A backend that does not read may answer what weir has not been able to send: then it is unknown what it was.
    void fail_unless_stalled(const char* why) const {
        if (!playing->has_stalled()) fail(why);
    }

    // Returns whether the client got the answer of the stream.
    static bool is_answer(const Message& got, const Asker& client, const Stream& stream) {
        const auto& answer = stream.answer;
        if (value_of(stream.request.head, ":path") != client.path || answer.head.empty()) return false;
        if (!is_whole(answer, client.method) || answer.status() != got.status()) return false;
        const bool has_body = !http2_pool_reading::has_no_body(answer, client.method);
        const auto length = value_of(answer.head, "content-length");
        const bool is_empty = !has_body || (!length.empty() && std::stoull(length) == 0);
        if (got.body != (is_empty ? "" : answer.body)) return false;
        for (const auto& one : got.all("content-length"))
            if (!length.empty() && one != std::to_string(std::stoull(length))) return false;
        for (const auto& name : {"content-type", "set-cookie", "x-a", "link"})
            if (!got.all(name).empty() && value_of(answer.head, name) != got.all(name)[0]) return false;
        if (!got.all("x").empty() && value_of(answer.head, "x") != got.all("x")[0]) return false;
        Message original;
        original.trailers = answer.trailers;
        return reference::has_legal_trailers(got, original);
    }

    void check_tunnel(const Asker& client, std::string_view bytes) const {
        for (const auto& stream : streams) {
            const auto& answer = stream.answer;
            if (value_of(stream.request.head, ":path") != client.path || answer.head.empty()) continue;
            if (stream.request.is_websocket() && answer.status() / 100 == 2 && answer.body.starts_with(bytes)) return;
        }
        fail_unless_stalled("a tunnel that no backend has accepted, or with other bytes");
    }

    void check_interim(const Asker& client, int status) const {
        const bool is_known = std::any_of(streams.begin(), streams.end(), [&](const Stream& stream) {
            const auto& all = stream.answer.interim;
            return value_of(stream.request.head, ":path") == client.path &&
                   std::find(all.begin(), all.end(), status) != all.end();
        });
        if (!is_known) fail_unless_stalled("an interim response that no backend gave");
    }

    // Every response that looks complete must be one that a backend or weir meant to send.
    void check_client(const Asker& client) const {
        const auto& wire = *client.wire;
        for (std::size_t at = 0, final = 0; at < wire.sent.size();) {
            const auto rest = std::string_view(wire.sent).substr(at);
            const auto ending = wire.closed && !wire.reset ? reference::Ending::ended : reference::Ending::open;
            Message got;
            const auto read = reference::read_response(rest, reference::Style::canonical, client.method, ending, got);
            if (read == Reading::bad) fail("a client got something that is not canonical");
            if (read == Reading::partial) return;
            if (got.until_close) fail("a response to HTTP/1.1 that only the end delimits");
            at += got.length;
            if (got.status() == 101) return check_tunnel(client, std::string_view(wire.sent).substr(at));
            if (got.status() < 200) {
                check_interim(client, got.status());
                continue;
            }
            // Bytes for a tunnel that no backend accepts are no request.
            const bool is_refusal = final == 1 && !client.tunneled.empty() && is_own_page(got);
            if (++final > 1 && !is_refusal) fail("more answers than questions");
            if (is_own_page(got)) continue;
            if (std::none_of(streams.begin(), streams.end(), [&](const auto& s) { return is_answer(got, client, s); }))
                fail_unless_stalled("an answer that no backend gave");
        }
    }

    void check() {
        for (const int descriptor : memory_io::connected()) read_connection(descriptor);
        std::stable_sort(streams.begin(), streams.end(),
                         [](const auto& a, const auto& b) { return a.moment < b.moment; });
        for (const auto& stream : streams) check_request(stream.request);
        for (const auto& client : clients) {
            check_tries(client);
            check_client(client);
        }
    }

    // No request of a client that stays and has sent everything may be forgotten.
    void check_all_answered() const {
        for (const auto& client : clients)
            if (!client.is_disturbed && client.wire->sent.empty()) fail("a request has got no answer");
    }
};

void check_nothing_left(memory_io::MemoryWorker& bench) {
    if (bench.clients.size() != 0) fail("a session does not end");
    for (const int descriptor : memory_io::connected())
        if (memory_io::wire(descriptor).socket) fail("a connection to a backend is left");
    for (const auto& member : bench.view->snapshot->pools[0]->members) {
        const auto& counters = member.backend->http2(0);
        if (counters.active_streams.read() != 0) fail("a stream is left");
        if (counters.active_connections.read() != 0) fail("a connection is left");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto& bench = *new memory_io::MemoryWorker(make_config());
    spdlog::set_level(spdlog::level::off); // failures are normal here
    memory_io::clear();
    http2_pool_script::Script script(bench);
    playing = &script;
    script.play({reinterpret_cast<const char*>(data), size});
    const bool stays = size > 0 && (data[0] & 1) != 0;
    script.finish();
    check_nothing_left(bench);
    Checker checker{script.clients(), script.progress()};
    checker.check();
    if (stays) checker.check_all_answered();
    return 0;
}
