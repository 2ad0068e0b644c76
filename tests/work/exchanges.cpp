#include "tests/work/exchanges.h"

#include "tests/catch.h"
#include "tests/fuzz/support/memory_worker.h"
#include "tests/work/counter.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

namespace weir::work {
namespace {

constexpr double max_ratio = 2.5, min_ratio = 1.6; // linear work has a ratio of 2, quadratic work of 4

// The backend's side of its connections. It answers each request that has arrived.
class BackendSide {
public:
    explicit BackendSide(const Talk& talk) : talk_(talk) {}

    // Returns whether there was anything to answer.
    bool answer(proxy::EventLoop& loop) {
        bool answered = false;
        const auto all = memory_io::connected(); // a copy, because an answer may cause more connections
        seen_.resize(std::max(seen_.size(), all.size()));
        for (std::size_t i = 0; i < all.size(); ++i) {
            auto& wire = memory_io::wire(all[i]);
            if (wire.closed || !take_request(wire, seen_[i])) continue;
            answered = true;
            for (std::size_t at = 0; at < talk_.response.size(); at += std::min(talk_.piece, talk_.response.size())) {
                memory_io::arrive(wire, std::string_view(talk_.response).substr(at, talk_.piece));
                memory_io::run(loop);
            }
        }
        return answered;
    }

private:
    static bool take_request(const memory_io::Wire& wire, std::size_t& seen) {
        const auto end = wire.sent.find("\r\n\r\n", seen);
        if (end == std::string::npos) return false;
        seen = wire.sent.size(); // includes the body, because there is one request at a time
        return true;
    }

    const Talk& talk_;
    std::vector<std::size_t> seen_;
};

// Returns the status of the last response that the client got.
int last_status(const std::string& got) {
    const auto at = got.rfind("HTTP/1.1 ");
    int status = 0;
    if (at != std::string::npos) std::from_chars(got.data() + at + 9, got.data() + at + 12, status);
    return status;
}

void converse(memory_io::MemoryWorker& worker, memory_io::Wire& client, const Talk& talk) {
    BackendSide backend(talk);
    if (talk.window != everything) client.window = talk.window;
    for (std::size_t at = 0; at < talk.requests.size(); at += std::min(talk.piece, talk.requests.size())) {
        memory_io::arrive(client, std::string_view(talk.requests).substr(at, talk.piece));
        memory_io::run(worker.loop);
    }
    while (backend.answer(worker.loop)) {
        while (client.window == 0) { // the client has taken all that was sent
            memory_io::widen(client, talk.window);
            memory_io::run(worker.loop);
        }
    }
}

} // namespace

void add_backends(conf::Pool& pool, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto address = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) + ":80";
        pool.backends.push_back({address, *conf::Address::parse(address)});
    }
}

conf::Config plain_config() {
    spdlog::set_level(spdlog::level::off); // failures are normal here
    conf::Config config;
    config.limits.header_size.bytes = 256 * 1024;
    config.limits.header_count = proxy::http::max_field_count;
    config.logging.access.output = "none";
    conf::Pool pool;
    pool.name = "web";
    add_backends(pool, 2);
    config.pools.push_back(pool);
    config.listeners.push_back({"web", *conf::Address::parse("10.0.0.9:80"), conf::Protocol::http, "web"});
    return config;
}

conf::Config busy_config() {
    auto config = plain_config();
    for (const char* block : {"192.168.0.0/16", "fd00::/8", "10.0.0.0/8", "1.2.3.4/32"})
        config.listeners[0].trusted_proxies.push_back(*conf::Cidr::parse(block));
    auto& pool = config.pools[0];
    pool.sticky.emplace();
    pool.algorithm = conf::Algorithm::hash;
    pool.hash = {conf::HashOn::cookie, "key"};
    conf::Route route;
    route.name = "all";
    route.pool = "web";
    route.match.path_prefix = "/";
    route.request_headers.set = {{"X-Set", "1"}, {"X-Other", "2"}};
    route.request_headers.remove = {"X-Remove", "Via"};
    route.request_headers.add = {{"X-Query", "{path} {query}"}};
    route.response_headers = {{{"X-Host", "{host}"}}, {{"Vary", "{path}"}}, {"Server"}};
    route.match.headers = {{"Host", "*"}};
    route.rewrite = conf::PathRewrite{"/a", "", "", "/b"};
    route.rewrite->query = {{{"set", "1"}}, {{"add", "2"}}, {"remove", "xx"}};
    route.rewrite->map_back = true;
    route.concurrency_limit = conf::ConcurrencyLimit{1, {}};
    route.compress.emplace().min_size = {};
    auto never = route;
    never.name = "never";
    never.match.query = {{"never", "*"}};
    config.routes = {never, route};
    return config;
}

std::uint64_t work_of(const conf::Config& config, const Talk& talk) {
    memory_io::clear();
    memory_io::MemoryWorker worker(config);
    auto& client = memory_io::wire(worker.connect_client());
    const auto steps = steps_of([&] { converse(worker, client, talk); });
    INFO("the client got " << client.sent.substr(0, 200));
    CHECK(last_status(client.sent) == talk.status);
    memory_io::reset(client);
    memory_io::run(worker.loop, std::chrono::minutes(2)); // longer than any timeout
    worker.forget_idle();
    CHECK(worker.clients.size() == 0);
    return steps;
}

std::string repeat(std::string_view text, std::size_t times) {
    std::string out;
    while (times-- > 0) out += text;
    return out;
}

std::string numbered(std::string_view before, std::size_t count, std::string_view after) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out.append(before).append(std::to_string(10000 + i)).append(after);
    return out;
}

void check_linear(std::size_t size, const std::function<std::uint64_t(std::size_t)>& work) {
    const auto steps = [&](std::size_t times) { return static_cast<double>(work(times * size)); };
    const auto once = steps(1), twice = steps(2), four_times = steps(4);
    INFO("steps for sizes of 1, 2 and 4: " << once << ", " << twice << ", " << four_times);
    const auto ratio = (four_times - twice) / (twice - once); // constant costs cancel out
    CHECK(ratio <= max_ratio);
    CHECK(ratio >= min_ratio);
}

void check_sublinear(std::size_t size, const std::function<std::uint64_t(std::size_t)>& work) {
    const auto once = work(size), more = work(16 * size);
    INFO("steps for sizes of 1 and 16: " << once << ", " << more);
    CHECK(once > 0);
    CHECK(2 * more <= 3 * once);
}

} // namespace weir::work
