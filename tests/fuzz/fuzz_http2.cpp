// Whole HTTP/2 connections over a transport in memory: a client sends frames and any other bytes, in any pieces, while
// backends send any bytes, and all of them stall, end or reset at any time. Plain readers that share no code with weir
// check everything that it sends:
//
// - every request at a backend is canonical HTTP/1.1, with the method, target and body of one of the client's streams,
//   and is complete only if that stream had ended with END_STREAM;
// - the client gets legal HTTP/2 within the windows that it has given, and a response that looks complete is weir's
//   own, or one that a backend gave to that request; a body that is cut is the beginning of one;
// - a client that stays and reads gets an answer or a reset for each request;
// - no session, stream or connection is left when all peers have gone, or all time limits have passed.
//
// An input is a script (support/http2_script.h).
#include "tests/fuzz/support/http2_reading.h"
#include "tests/fuzz/support/http2_script.h"
#include "tests/fuzz/support/memory_io.h"
#include "tests/fuzz/support/memory_worker.h"
#include "tests/fuzz/support/reference.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace weir;
using namespace weir::proxy;
using http2_reading::ClientReading;
using http2_reading::Progress;
using http2_reading::Response;
using http2_reading::ServerReading;
using http2_reading::value_of;
using reference::Message;
using reference::Reading;
using reference::Style;

namespace {

const memory_io::Wire* client_wire = nullptr;

[[noreturn]] void fail(const char* why) {
    memory_io::dump("client", *client_wire);
    for (const int descriptor : memory_io::connected()) memory_io::dump("a backend", memory_io::wire(descriptor));
    std::fprintf(stderr, "%s\n", why);
    std::abort();
}

conf::Config make_config() {
    conf::Config config;
    const auto second = conf::Duration(1000);
    config.timeouts = {second, second, second, second, second, second};
    config.limits.body_size.bytes = 60'000;
    config.limits.streams = 10;
    config.retries.attempts = 2;
    config.logging.access.output = "none";
    conf::Pool pool;
    pool.name = "web";
    for (const char* address : {"10.0.0.1:80", "10.0.0.2:80"})
        pool.backends.push_back({address, *conf::Address::parse(address)});
    config.pools.push_back(pool);
    config.listeners.push_back({"web", *conf::Address::parse("10.0.0.9:80"), conf::Protocol::http, "web"});
    config.listeners[0].path_normalization = conf::PathNormalization::none; // fuzz_url_path compares spellings
    config.listeners[0].http2 = true;
    return config;
}

// A request as a backend received it, and the backend's response.
struct Forwarded {
    Message request;
    Reading read; // the result of parsing the response
    Message answer;
    std::string body; // of the response, as far as it has arrived; of a tunnel, what the backend sent
    bool is_chunked;  // its body is only known if it is whole

    bool is_upgrade() const { return !request.all("upgrade").empty(); }
    bool has_switched() const { return is_upgrade() && answer.first.size() > 1 && answer.first[1] == "101"; }
};

// Finds the final response among the bytes that a backend sent, from `at` on.
void read_final(const memory_io::Wire& wire, std::size_t& at, Forwarded& one) {
    const auto ending = wire.reset   ? reference::Ending::broken
                        : wire.ended ? reference::Ending::ended
                                     : reference::Ending::open;
    for (;;) {
        const auto rest = std::string_view(wire.arriving).substr(std::min(at, wire.arriving.size()));
        one.read = reference::read_response(rest, Style::legal, one.request.first[0], ending, one.answer);
        one.is_chunked = !one.answer.all("transfer-encoding").empty();
        one.body = one.read == Reading::whole || one.answer.until_close
                       ? one.answer.body
                       : std::string(rest.substr(std::min(one.answer.length, rest.size())));
        if (one.read != Reading::whole) return;
        at += one.answer.length;
        if (one.has_switched()) one.body = wire.arriving.substr(at);
        if (one.answer.status() >= 200 || one.answer.status() == 101) return;
    }
}

void check_fields(const Message& request) {
    if (request.all("x-forwarded-for") != std::vector<std::string>{"10.9.9.9"})
        fail("X-Forwarded-For is not the client");
    if (request.all("x-real-ip") != std::vector<std::string>{"10.9.9.9"}) fail("X-Real-IP is not the client");
    for (const auto& [name, value] : request.fields)
        if (name == "transfer_encoding" || name == "x_real_ip" || (name == "te" && value != "trailers") ||
            name == "keep-alive" || name == "proxy-connection" || name == "http2-settings" || name.starts_with(':'))
            fail("a field went on that ends here");
}

struct Checker {
    const ClientReading& client;
    const ServerReading& server;
    const std::map<int, std::vector<Progress>>& of_backends;
    std::vector<Forwarded> forwarded{};

    // A backend may only have what one of the streams has sent.
    void check_request(const Message& request, std::size_t moment) const {
        check_fields(request);
        bool is_known = false;
        for (const auto& [_, asked] : client.requests) {
            if (asked.method() != request.first[0] || value_of(asked.head, ":path") != request.first[1]) continue;
            is_known = true;
            if (asked.begun > moment) continue;
            const bool is_upgrade = !request.all("upgrade").empty();
            if (is_upgrade && asked.is_websocket()) return;
            if (!request.cut && asked.ended <= moment && request.body == asked.body) return;
            if (request.cut && asked.body.starts_with(request.body)) return;
        }
        fail(is_known ? "a backend got a request that no stream has sent like that"
                      : "a backend got a request that no stream has sent");
    }

    void check_tunnel(const Forwarded& one, std::string_view bytes) const {
        for (const auto& [_, asked] : client.requests)
            if (asked.is_websocket() && value_of(asked.head, ":path") == one.request.first[1] &&
                asked.body.starts_with(bytes))
                return;
        fail("a tunnel carries bytes that its stream did not send");
    }

    // Everything that reached a backend must be canonical requests; the last one may be incomplete.
    void read_backend(int descriptor) {
        const auto& wire = memory_io::wire(descriptor);
        std::size_t at = 0, answered = 0;
        while (at < wire.sent.size()) {
            Forwarded next{};
            const auto rest = std::string_view(wire.sent).substr(at);
            const auto read = reference::read_request(rest, Style::canonical, next.request);
            if (read == Reading::bad) fail("a backend got something that is not canonical");
            if (read == Reading::partial && !next.request.cut) return;
            at = next.request.cut ? wire.sent.size() : at + next.request.length;
            check_request(next.request, http2_reading::read_until(of_backends.at(descriptor), at));
            read_final(wire, answered, next);
            forwarded.push_back(next);
            if (next.has_switched()) return check_tunnel(next, std::string_view(wire.sent).substr(at));
        }
    }

    // Returns whether the response may be this answer.
    static bool is_answer(const Response& response, const Forwarded& one) {
        if (one.answer.first.size() < 2 || one.answer.first[1].size() != 3) return false;
        const auto status = one.has_switched() ? 200 : one.answer.status();
        if (status != response.status()) return false;
        if (one.has_switched()) return one.body.starts_with(response.body);
        Message ended;
        ended.trailers = response.trailers;
        if (response.ended)
            return one.read == Reading::whole && response.body == one.body &&
                   reference::has_legal_trailers(ended, one.answer);
        if (one.read != Reading::whole && one.is_chunked)
            return response.body.starts_with(one.answer.body) || one.answer.body.starts_with(response.body);
        return one.body.starts_with(response.body);
    }

    void check_response(std::uint32_t id, const Response& response) const {
        if (response.head.empty()) {
            if (response.ended) fail("a response without a head");
            return;
        }
        const auto& asked = client.requests.at(id);
        const auto length = value_of(response.head, "content-length");
        const bool has_body = asked.method() != "HEAD" && response.status() != 304;
        if (!has_body && !response.body.empty()) fail("a body that must not be");
        if (response.ended && has_body && !length.empty() && length != std::to_string(response.body.size()))
            if (length.find(',') == std::string::npos) fail("a body with another length than the head states");
        if (response.status() >= 400 && value_of(response.head, "content-type") == "text/plain; charset=utf-8") return;
        for (const auto& one : forwarded)
            if (one.request.first[0] == asked.method() && one.request.first[1] == value_of(asked.head, ":path") &&
                one.is_upgrade() == asked.is_websocket() && is_answer(response, one))
                return;
        fail("an answer that no backend gave");
    }

    // No request of a client that stays may be forgotten.
    void check_all_answered(std::size_t read) const {
        if (server.has_failed || client.says_goodbye) return;
        for (const auto& [id, asked] : client.requests) {
            // One that states an empty body waits for its end, with the time limit of the connection.
            const bool is_held = asked.ended == http2_reading::never && value_of(asked.head, "content-length") == "0";
            if (is_held || asked.begun > read || asked.reset != http2_reading::never || id > server.last_id) continue;
            const auto found = server.responses.find(id);
            if (found == server.responses.end() || (!found->second.ended && !found->second.reset))
                fail("a request has got no answer");
        }
    }

    void check() {
        if (server.error) fail(server.error);
        for (const int descriptor : memory_io::connected()) read_backend(descriptor);
        for (const auto& [id, response] : server.responses) check_response(id, response);
    }
};

void check_nothing_left(memory_io::MemoryWorker& bench) {
    bench.forget_idle();
    if (bench.clients.size() != 0) fail("a session does not end");
    for (const int descriptor : memory_io::connected())
        if (memory_io::wire(descriptor).socket) fail("a connection to a backend is left");
    const auto& counters = bench.listener()->spec->stats->workers[0].http2;
    if (counters.active_streams() != 0) fail("a stream is left");
    if (counters.active_connections() != 0) fail("a connection is left");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto& bench = *new memory_io::MemoryWorker(make_config());
    spdlog::set_level(spdlog::level::off); // failures are normal here
    memory_io::clear();
    auto& client = memory_io::wire(bench.connect_client());
    client_wire = &client;
    std::vector<Progress> progress;
    std::map<int, std::vector<Progress>> of_backends;
    http2_script::Script script(bench, client, [&] {
        progress.push_back({client.sent.size(), client.read});
        for (const int descriptor : memory_io::connected())
            of_backends[descriptor].push_back({memory_io::wire(descriptor).sent.size(), client.read});
    });
    script.play({reinterpret_cast<const char*>(data), size});
    script.finish();
    check_nothing_left(bench);
    if (!std::string_view(client.arriving).starts_with(http2_reading::preface)) return 0; // fuzz_exchange checks it
    const auto asked = http2_reading::read_client(client.arriving);
    const auto answered = http2_reading::read_server(client.sent, asked, progress);
    Checker checker{asked, answered, of_backends};
    checker.check();
    const bool stays = script.ending() != http2_script::Ending::resets && script.ending() != http2_script::Ending::ends;
    if (stays && !script.is_disturbed()) checker.check_all_answered(client.read);
    return 0;
}
