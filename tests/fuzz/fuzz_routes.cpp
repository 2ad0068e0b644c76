// Whole exchanges on routes that do more than forward: they ask other services, copy, buffer, compress and rewrite,
// while clients and backends send any bytes in any pieces, and stall, end or reset at any time. A reference parser that
// shares no code with weir checks that every message that weir sends is canonical, and that no backend gets a field
// that only the authentication service may set; and no session and no connection is left when all peers have gone.
//
// An input is a script (support/script.h).
#include "tests/fuzz/support/memory_io.h"
#include "tests/fuzz/support/memory_worker.h"
#include "tests/fuzz/support/reference.h"
#include "tests/fuzz/support/script.h"

#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>

using namespace weir;
using reference::Ending;
using reference::Message;
using reference::Reading;
using reference::Style;

namespace {

[[noreturn]] void fail(const char* why) {
    std::fprintf(stderr, "%s\n", why);
    std::abort();
}

conf::Pool pool_at(const std::string& name, const std::string& address) {
    conf::Pool pool;
    pool.name = name;
    pool.backends.push_back({address, *conf::Address::parse(address)});
    return pool;
}

conf::Route& add_route(conf::Config& config, const std::string& path) {
    auto& route = config.routes.emplace_back();
    route.name = path;
    route.match.path_prefix = path;
    route.pool = "web";
    return route;
}

// The paths are those of the requests in script.cpp.
void add_routes(conf::Config& config) {
    add_route(config, "/a").forward_auth = conf::ForwardAuth{"auth", "/verify", {"X-User"}};
    auto& open = add_route(config, "/b");
    open.forward_auth = conf::ForwardAuth{"auth", "/verify?x", {"X-User"}, conf::Duration(100)};
    open.forward_auth->on_unavailable = conf::OnUnavailable::proceed;
    add_route(config, "/c").buffer_requests = true;
    auto& mirrored = add_route(config, "/d");
    mirrored.mirror = conf::Mirror{"shadow"};
    mirrored.compress.emplace().min_size.bytes = 0;
    auto& mapped = add_route(config, "/e");
    mapped.rewrite = conf::PathRewrite{"/e", "", "", "/x", {{{"f", "1"}}, {{"g", "2"}}, {"h"}}, true};
    add_route(config, "/f").compress.emplace().min_size.bytes = 0;
    add_route(config, "/g").concurrency_limit = conf::ConcurrencyLimit{1};
    auto& all = add_route(config, "/h");
    all.forward_auth = conf::ForwardAuth{"auth", "/verify", {"X-User"}};
    all.mirror = conf::Mirror{"shadow", conf::Percent{100}, conf::Size{4}};
    all.buffer_requests = true;
    auto& edited = add_route(config, "/j");
    edited.request_headers = {{{"X-A", "{client_ip}"}}, {{"X-B", "{path}"}}, {"Cookie"}};
    edited.response_headers = {{{"X-A", "{backend}"}}, {}, {"Server"}};
    edited.mirror = conf::Mirror{"shadow"};
    edited.buffer_requests = true;
    add_route(config, "/l").rewrite = conf::PathRewrite{"", "^/l", "/m", ""};
}

conf::Config make_config() {
    conf::Config config;
    const auto second = conf::Duration(1000);
    config.timeouts = {second, second, second, second, second, second};
    config.limits.body_size.bytes = 50'000; // buffered bodies stay in memory: the disk's threads have their own time
    config.retries.attempts = 2;
    config.logging.access.output = "none";
    config.pools = {pool_at("web", "10.0.0.1:80"), pool_at("auth", "10.0.0.2:80"), pool_at("shadow", "10.0.0.3:80")};
    config.pools[0].backends.push_back({"other", *conf::Address::parse("10.0.0.4:80")});
    config.listeners.push_back({"web", *conf::Address::parse("10.0.0.9:80"), conf::Protocol::http, "web"});
    config.listeners[0].request_id = config.listeners[0].traceparent = true;
    add_routes(config);
    return config;
}

// No answer in script.cpp has an X-User.
bool is_authenticated(const Message& request) {
    const auto& target = request.first[1];
    return target.starts_with("/a") || target.starts_with("/b") || target.starts_with("/h");
}

// Everything that a backend got must be canonical requests; the last one may be incomplete.
void check_backend(const memory_io::Wire& wire) {
    for (std::size_t at = 0; at < wire.sent.size();) {
        Message request;
        const auto read = reference::read_request(std::string_view(wire.sent).substr(at), Style::canonical, request);
        if (read == Reading::bad) fail("a backend got something that is not canonical");
        if (read == Reading::partial || request.cut || !request.all("upgrade").empty()) return;
        for (const auto& name : {"x-user", "x_user", "x.user"})
            if (is_authenticated(request) && !request.all(name).empty())
                fail("a backend got a field that only the authentication service may set");
        for (const auto& [name, _] : request.trailers)
            if (name != "x-sum" && name != "t") fail("a backend got a trailer that the configuration keeps out");
        at += request.length;
    }
}

// Everything that the client got must be canonical responses, up to one that its own end cuts.
void check_client(const memory_io::Wire& client) {
    for (std::size_t at = 0; at < client.sent.size();) {
        Message answer;
        const auto ending = client.closed && !client.reset ? Ending::ended : Ending::open;
        // Whether a request was a HEAD is not known here: a response without its body ends what can be read.
        const auto read =
            reference::read_response(std::string_view(client.sent).substr(at), Style::canonical, "GET", ending, answer);
        if (read == Reading::bad && at == 0) fail("the client got something that is not canonical");
        if (read != Reading::whole || answer.until_close || answer.status() == 101) return;
        at += answer.length;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto& bench = *new memory_io::MemoryWorker(make_config());
    spdlog::set_level(spdlog::level::off); // failures are normal here
    memory_io::clear();
    auto& client = memory_io::wire(bench.connect_client());
    script::play(bench, client, {reinterpret_cast<const char*>(data), size});
    for (const int descriptor : memory_io::connected()) check_backend(memory_io::wire(descriptor));
    check_client(client);
    if (const auto* left = script::end_all(bench, client)) fail(left);
    return 0;
}
