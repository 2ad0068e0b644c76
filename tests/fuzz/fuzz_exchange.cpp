// Whole exchanges over a transport in memory: clients and backends send any bytes in any pieces, and stall, end or
// reset at any time. A reference parser that shares no code with weir checks everything that weir forwards:
//
// - every request at a backend is canonical, and is the one that the reference parser finds in the client's bytes;
// - a response that looks complete to the client is weir's own, or the one that the reference parser finds in the
//   bytes of the backend that received the request;
// - a connection to a backend carries nothing else, and no connection is left when all peers have gone.
//
// An input is a script (support/script.h).
#include "tests/fuzz/support/memory_io.h"
#include "tests/fuzz/support/memory_worker.h"
#include "tests/fuzz/support/reference.h"
#include "tests/fuzz/support/script.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace weir;
using namespace weir::proxy;
using reference::Ending;
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
    config.limits.body_size.bytes = 100'000;
    config.retries.attempts = 2;
    config.logging.access.output = "none";
    conf::Pool pool;
    pool.name = "web";
    for (const char* address : {"10.0.0.1:80", "10.0.0.2:80"})
        pool.backends.push_back({address, *conf::Address::parse(address)});
    config.pools.push_back(pool);
    config.listeners.push_back({"web", *conf::Address::parse("10.0.0.9:80"), conf::Protocol::http, "web"});
    config.listeners[0].path_normalization = conf::PathNormalization::none; // fuzz_url_path compares spellings
    return config;
}

// A request as a backend received it, and the backend's response.
struct Forwarded {
    Message request;
    std::size_t moment; // when the first byte was sent
    Reading read;       // the result of parsing the response
    Message answer;
};

std::size_t moment_of(const memory_io::Wire& wire, std::size_t offset) {
    std::size_t found = 0;
    for (const auto& [from, moment] : wire.when)
        if (from <= offset) found = moment;
    return found;
}

bool asks_for_upgrade(const Message& request) { return !request.all("upgrade").empty(); }

// Finds the final response among the bytes that a backend sent, from `at` on.
Reading read_final(const memory_io::Wire& wire, std::size_t& at, const std::string& method, Message& answer) {
    const auto ending = wire.reset ? Ending::broken : wire.ended ? Ending::ended : Ending::open;
    for (;;) {
        const auto rest = std::string_view(wire.arriving).substr(std::min(at, wire.arriving.size()));
        const auto read = reference::read_response(rest, Style::legal, method, ending, answer);
        if (read != Reading::whole) return read;
        at += answer.length;
        if (answer.status() >= 200 || answer.status() == 101) return read;
    }
}

// Everything that reached one backend connection must be canonical requests; the last one may be incomplete.
void read_backend(const memory_io::Wire& wire, std::vector<Forwarded>& all) {
    std::size_t at = 0, answered = 0;
    while (at < wire.sent.size()) {
        Forwarded next{};
        const auto read =
            reference::read_request(std::string_view(wire.sent).substr(at), Style::canonical, next.request);
        if (read == Reading::bad) fail("a backend got something that is not canonical");
        if (read == Reading::partial && !next.request.cut) return;
        next.moment = moment_of(wire, at);
        next.read = read_final(wire, answered, next.request.first[0], next.answer);
        at += next.request.length;
        all.push_back(next);
        if (next.request.cut) return;
        if (asks_for_upgrade(next.request) && next.answer.first.size() > 1 && next.answer.first[1] == "101") return;
    }
}

std::vector<Forwarded> read_backends() {
    std::vector<Forwarded> all;
    for (const int descriptor : memory_io::connected()) read_backend(memory_io::wire(descriptor), all);
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.moment < b.moment; });
    return all;
}

// Returns method, target and Host as the backend must see them.
std::string head_of(const Message& request, Style style) {
    auto target = request.first[1];
    auto host = request.all("host").empty() ? "" : request.all("host")[0];
    if (const auto mark = target.find("://"); style == Style::legal && target[0] != '/' && mark != std::string::npos) {
        const auto end = std::min(target.find_first_of("/?", mark + 3), target.size());
        host = target.substr(mark + 3, end - mark - 3);
        target = target.substr(end);
        if (target.empty() || target[0] == '?') target = "/" + target;
    }
    return request.first[0] + " " + target + " " + host;
}

// Returns whether a backend got the client's request. If the body is incomplete or malformed, the backend may get a
// part of it, never a whole request.
bool is_the_same(const Message& forwarded, const Message& asked) {
    auto wanted = head_of(asked, Style::legal);
    const auto host = forwarded.all("host")[0];
    // An HTTP/1.0 request without a host gets the backend's own address.
    if (wanted.ends_with(' ') && (host == "10.0.0.1:80" || host == "10.0.0.2:80")) wanted += host;
    if (head_of(forwarded, Style::canonical) != wanted) return false;
    if (asked.cut && !forwarded.cut) fail("a backend got a whole request out of half a one");
    if (!forwarded.cut && !reference::has_legal_trailers(forwarded, asked)) return false;
    return forwarded.cut || forwarded.body == asked.body;
}

void check_fields(const Message& request) {
    if (request.all("x-forwarded-for") != std::vector<std::string>{"10.9.9.9"})
        fail("X-Forwarded-For is not the client");
    if (request.all("x-real-ip") != std::vector<std::string>{"10.9.9.9"}) fail("X-Real-IP is not the client");
    for (const auto& [name, value] : request.fields) {
        if (name == "transfer_encoding" || name == "x_real_ip" || name == "content_length" || name == "keep-alive" ||
            name == "proxy-connection" || name == "http2-settings")
            fail("a field went on that ends here");
        if (name == "te" && (value != "trailers" || request.all("connection").empty())) fail("a TE that ends here");
        if (name == "trailer" && request.all("transfer-encoding").empty()) fail("a Trailer without chunks");
    }
}

// Returns the requests that the reference parser finds in the client's bytes, up to the first that it cannot parse.
std::vector<Message> read_client(const memory_io::Wire& client) {
    std::vector<Message> all;
    for (std::size_t at = 0; at < client.arriving.size();) {
        Message request;
        const auto rest = std::string_view(client.arriving).substr(at);
        const auto read = reference::read_request(rest, Style::legal, request);
        if (read == Reading::whole || request.cut) all.push_back(request);
        if (read != Reading::whole) break;
        at += request.length;
    }
    return all;
}

bool is_own_page(const Message& answer) {
    return answer.status() >= 400 &&
           answer.all("content-type") == std::vector<std::string>{"text/plain; charset=utf-8"};
}

// Returns whether an unused response of a backend to this request is the one that the client got.
bool take_answer(const Message& answer, const Message& asked, const std::vector<Forwarded>& forwarded,
                 std::size_t& next) {
    for (auto i = next; i < forwarded.size(); ++i) {
        const auto& one = forwarded[i];
        if (one.read != Reading::whole || one.answer.status() != answer.status()) continue;
        if (one.answer.body != answer.body || !is_the_same(one.request, asked)) continue;
        if (!reference::has_legal_trailers(answer, one.answer)) continue;
        next = i + 1;
        return true;
    }
    return false;
}

// Every response that looks complete must be one that a backend or weir meant to send.
void check_answers(const memory_io::Wire& client, const std::vector<Message>& asked,
                   const std::vector<Forwarded>& forwarded) {
    std::size_t next = 0, final = 0;
    for (std::size_t at = 0; at < client.sent.size();) {
        const auto rest = std::string_view(client.sent).substr(at);
        const auto method = final < asked.size() ? asked[final].first[0] : "GET";
        Message answer;
        const auto ending = client.closed && !client.reset ? Ending::ended : Ending::open;
        const auto read = reference::read_response(rest, Style::canonical, method, ending, answer);
        if (read == Reading::bad) fail("the client got something that is not canonical");
        // An HTTP/1.0 client cannot detect whether a body that only the end of the connection delimits was cut.
        if (read == Reading::partial || answer.until_close || answer.status() == 101) return;
        at += answer.length;
        if (answer.status() < 200) continue;
        if (++final > asked.size() + 1) fail("more answers than questions");
        if (is_own_page(answer)) continue;
        if (final > asked.size()) fail("an answer to something that is no request");
        if (!take_answer(answer, asked[final - 1], forwarded, next)) fail("an answer that no backend gave");
    }
}

void check(const memory_io::Wire& client) {
    const auto asked = read_client(client);
    const auto forwarded = read_backends();
    std::size_t at = 0;
    for (const auto& one : forwarded) {
        check_fields(one.request);
        // A repeated request is a retry; otherwise it must be one of the client's next requests.
        if (at > 0 && is_the_same(one.request, asked[at - 1])) continue;
        while (at < asked.size() && !is_the_same(one.request, asked[at])) ++at;
        if (at == asked.size()) fail("a backend got a request that the client did not send");
        ++at;
    }
    check_answers(client, asked, forwarded);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto& bench = *new memory_io::MemoryWorker(make_config());
    spdlog::set_level(spdlog::level::off); // failures are normal here
    memory_io::clear();
    auto& client = memory_io::wire(bench.connect_client());
    client_wire = &client;
    script::play(bench, client, {reinterpret_cast<const char*>(data), size});
    check(client);
    if (const auto* left = script::end_all(bench, client)) fail(left);
    return 0;
}
