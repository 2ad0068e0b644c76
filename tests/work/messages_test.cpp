// The work for a message is linear in its bytes, whatever its shape and in whatever pieces it comes (docs/adr/0016).
#include "proxy/http1/trailers.h"
#include "proxy/log/access_line.h"
#include "tests/catch.h"
#include "tests/work/counter.h"
#include "tests/work/exchanges.h"

#include <array>

using namespace weir;
using namespace weir::work;

namespace {

using Shape = std::string (*)(std::size_t);

struct NamedShape {
    const char* name;
    Shape shape;
};

// Each shape grows with n by 150 to 390 bytes, or by at most 24. So its heads from `size` to four times `size` are all
// above or all below 16 KiB, the limit for a head in a buffer of the usual size. There are fewer than 1,000 fields.
constexpr std::size_t size = 160;

const NamedShape field_shapes[] = {
    {"many options of Connection and many fields",
     [](std::size_t n) { return "Connection: keep-alive" + repeat(",x", 140 * n) + "\r\n" + repeat("y: 1\r\n", n); }},
    {"options of Connection that name the fields",
     [](std::size_t n) { return "Connection: " + numbered("x-", n, ",") + "\r\n" + numbered("X-", n, ": 1\r\n"); }},
    {"one name as option and field, again and again",
     [](std::size_t n) { return "Connection: " + repeat("x-y,", 70 * n) + "\r\n" + repeat("x_y: 1\r\n", n); }},
    {"options in many lines",
     [](std::size_t n) { return repeat("Connection: a, b, c\r\n", n / 2) + numbered("x-", n / 2, ": 1\r\n"); }},
    {"empty options",
     [](std::size_t n) { return "Connection: x" + repeat(" ,\t", 90 * n) + "\r\n" + repeat("y: 1\r\n", n); }},
    {"long options with one beginning",
     [](std::size_t n) {
         const auto begin = repeat("x", 100);
         return "Connection: " + numbered(begin, n, ",") + "\r\n" + numbered(begin, n, ": 1\r\n");
     }},
    {"cookies in one line", [](std::size_t n) { return "Cookie: " + repeat("a=b; ", 60 * n) + "\r\n"; }},
    {"a cookie of semicolons", [](std::size_t n) { return "Cookie: " + repeat(";", 300 * n) + "\r\n"; }},
    {"cookies in many lines", [](std::size_t n) { return repeat("Cookie: key; a; b\r\n", n); }},
    {"cookies that are nearly the wanted ones",
     [](std::size_t n) { return "Cookie: " + repeat("weir_backen=a; weir_backendd=b; keykey=c; ", 7 * n) + "\r\n"; }},
    {"a chain of addresses in one X-Forwarded-For",
     [](std::size_t n) { return "X-Forwarded-For: " + repeat("10.2.3.4, ", 30 * n) + "10.1.1.1\r\n"; }},
    {"X-Forwarded-For in many lines", [](std::size_t n) { return repeat("X-Forwarded-For: ::1\r\n", n); }},
    {"commas in X-Forwarded-For", [](std::size_t n) { return "X-Forwarded-For: " + repeat(",", 300 * n) + "1\r\n"; }},
    {"a chain of addresses in one Forwarded",
     [](std::size_t n) { return "Forwarded: " + repeat("for=\"[fd00::1]:80\";proto=https, ", 9 * n) + "for=x\r\n"; }},
    {"Forwarded with quotes that are not closed",
     [](std::size_t n) { return repeat("Forwarded: for=\"" + repeat("\\\"a, for=\\\"", 20) + "\r\n", n); }},
    {"Forwarded with colons and brackets",
     [](std::size_t n) { return "Forwarded: " + repeat("for=\"[::::::::]:\",for=[[[:::]]];", 9 * n) + "\r\n"; }},
    {"long values with quotes", [](std::size_t n) { return "A: " + repeat("\"b\\\"c\", ", 37 * n) + "\r\n"; }},
    {"one long value of blanks", [](std::size_t n) { return "A: b" + repeat("\t ", 150 * n) + "\r\n"; }},
    {"one long name", [](std::size_t n) { return repeat("x-forwarded-", 25 * n) + ": 1\r\n"; }},
    {"many codings that are accepted",
     [](std::size_t n) { return "Accept-Encoding: " + repeat("gzip;q=0.5, br;q=0.123, *, ", 10 * n) + "x\r\n"; }},
    {"codings in many lines", [](std::size_t n) { return repeat("Accept-Encoding: *;q=0\r\n", n); }},
    {"semicolons of codings", [](std::size_t n) { return "Accept-Encoding: " + repeat(";", 300 * n) + "\r\n"; }},
    {"TE in many lines", [](std::size_t n) { return repeat("TE: ,trailers, x\r\n", n); }},
    {"members of TE", [](std::size_t n) { return "TE: " + repeat("trailer, ", 30 * n) + "\r\n"; }},
    {"Expect in many lines", [](std::size_t n) { return repeat("Expect: ,100-continue\r\n", n); }},
    {"names with underscores", [](std::size_t n) { return repeat("X_Forwarded_For_: 1\r\n", n); }},
    {"fields that a route removes, in all spellings", [](std::size_t n) { return repeat("x_remove: 1\r\n", n); }},
    {"the shortest fields", [](std::size_t n) { return repeat("a:\r\n", n); }},
};

// How a head arrives: whole, in segments of an odd size, or byte by byte.
constexpr std::size_t pieces[] = {everything, 97, 1};

constexpr std::size_t trailer_count = proxy::http::max_trailer_count / 4; // the largest message has four times as many

void check_requests(const std::function<std::string(std::size_t)>& shape, std::size_t from, int status = 200) {
    const std::array configs{plain_config(), busy_config()};
    for (std::size_t i = 0; i < configs.size(); ++i)
        for (const auto piece : pieces) {
            INFO((i ? "busy" : "plain") << " configuration, in pieces of " << piece << " bytes");
            check_linear(from, [&](std::size_t n) {
                Talk talk{.piece = piece, .status = status};
                talk.requests = shape(n);
                return work_of(configs[i], talk);
            });
        }
}

void check_responses(const std::function<std::string(std::size_t)>& shape, std::size_t from, int status = 200) {
    for (const auto piece : pieces) {
        INFO("in pieces of " << piece << " bytes");
        check_linear(from, [&](std::size_t n) {
            Talk talk{.piece = piece, .status = status};
            talk.response = shape(n);
            return work_of(busy_config(), talk);
        });
    }
}

} // namespace

TEST_CASE("the work for a request is linear in the bytes of its fields") {
    for (const auto& [name, shape] : field_shapes) {
        INFO(name);
        check_requests(
            [shape = shape](std::size_t n) { return "\r\nGET / HTTP/1.1\r\nHost: a\r\n" + shape(n) + "\r\n"; }, size);
    }
}

TEST_CASE("the work for a response is linear in the bytes of its fields") {
    const NamedShape more[] = {
        {"many cookies that are set",
         [](std::size_t n) {
             return numbered("Set-Cookie: a=", n, "; Path=/; HttpOnly; Max-Age=5; Domain=" + repeat("a", 120) + "\r\n");
         }},
        {"Content-Length that says the same again and again",
         [](std::size_t n) { return "Content-Length: 2" + repeat(", 2", 100 * n) + "\r\n"; }},
        {"Vary in many lines of a response that may be compressed",
         [](std::size_t n) { return "Content-Type: text/html\r\n" + repeat("Vary: Origin, a\r\n", n); }},
        {"Vary and Cache-Control with many elements",
         [](std::size_t n) {
             return "Content-Type: text/html\r\nVary: " + repeat("accept-encodin, ", 10 * n) +
                    "\r\nCache-Control: " + repeat("no-transfor, ", 12 * n) + "x\r\n";
         }},
        {"cookies with many paths",
         [](std::size_t n) { return "Set-Cookie: a=b" + repeat("; Path = /b/c ;", 20 * n) + " Path=/b\r\n"; }},
        {"URLs that lead to the backend",
         [](std::size_t n) { return repeat("Location: http://a/b/x/\r\nRefresh: 1 ;  url = '//a/b'\r\n", n / 2); }},
        {"one long URL", [](std::size_t n) { return "Location: /b" + repeat("/", 300 * n) + "\r\n"; }},
        {"control bytes", [](std::size_t n) { return "A: b" + repeat("\x01 \x02", 100 * n) + "b\r\n"; }},
        {"control bytes at the ends", [](std::size_t n) { return repeat("A: \x01\x02 b \x03\x04\r\n", n); }},
        {"Keep-Alive with many parameters",
         [](std::size_t n) { return "Keep-Alive: " + repeat("timeout=5, ", 27 * n) + "x\r\n"; }},
    };
    const auto check = [](const NamedShape& one, std::string_view length) {
        INFO(one.name);
        check_responses(
            [&](std::size_t n) { return "HTTP/1.1 200 OK\r\n" + std::string(length) + one.shape(n) + "\r\nok"; }, size);
    };
    for (const auto& one : field_shapes) check(one, "Content-Length: 2\r\n");
    for (const auto& one : more) check(one, "Content-Length: 2\r\n");
}

TEST_CASE("the work for interim responses is linear in their bytes") {
    check_responses(
        [](std::size_t n) {
            const auto interim = "HTTP/1.1 103 Early Hints\r\nLink: " + repeat("</a>, ", n) + "\r\n\r\n";
            return repeat(interim, 10) + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        },
        5000);
}

TEST_CASE("the work for a request is linear in the bytes of its target") {
    const NamedShape targets[] = {
        {"dots", [](std::size_t n) { return repeat("/..", 100 * n); }},
        {"slashes", [](std::size_t n) { return repeat("/", 300 * n); }},
        {"escapes", [](std::size_t n) { return "/" + repeat("%2e%20", 50 * n); }},
        {"encoded dots", [](std::size_t n) { return repeat("/a/%2e%2e", 33 * n); }},
        {"parameters", [](std::size_t n) { return repeat("/;a=b", 60 * n); }},
        {"a query", [](std::size_t n) { return "/?" + repeat("a=b&", 75 * n); }},
        {"parameters that a route removes", [](std::size_t n) { return "/?" + repeat("x%78&&", 50 * n); }},
        {"a URL", [](std::size_t n) { return "http://a/" + repeat("://", 100 * n); }},
    };
    for (const auto& [name, target] : targets) {
        INFO(name);
        check_requests([target = target](std::size_t n) { return "GET " + target(n) + " HTTP/1.1\r\nHost: a\r\n\r\n"; },
                       size);
    }
}

TEST_CASE("the work for a request that is refused is linear in its bytes") {
    check_requests([](std::size_t n) { return "GET / HTTP/1.1\r\nHost: a\r\n" + repeat("a: b\r\n", n) + "b\r\n\r\n"; },
                   size, 400);
    check_requests([](std::size_t n) { return "GET " + repeat(" HTTP/", 50 * n) + "\r\n\r\n"; }, size, 400);
    check_requests([](std::size_t n) { return repeat("Host", 75 * n) + "\x01\r\n\r\n"; }, size, 400);
}

TEST_CASE("the work for requests that come in one piece is linear in their bytes") {
    for (const auto* first : {"", "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"})
        check_requests(
            [&](std::size_t n) { return first + repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", n) + "X\r\n\r\n"; }, 1000,
            400);
}

TEST_CASE("the work for a body of a request is linear in its bytes") {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", end = "0\r\n\r\n";
    check_requests([&](std::size_t n) { return head + repeat("1\r\nx\r\n", n) + end; }, 20000);
    check_requests(
        [&](std::size_t n) { return head + repeat("001\r\nx\r\n1000\r\n" + repeat("y", 4096) + "\r\n", n) + end; }, 40);
    check_requests([&](std::size_t n) { return head + repeat("1;a=\"\\\"b\"\r\nx\r\n", n) + end; }, 200);
    check_requests([&](std::size_t n) { return head + "0\r\n" + repeat("T: u\r\n", n) + "\r\n"; }, trailer_count);
    check_requests([&](std::size_t n) { return head + "0\r\nT: " + repeat("u", n) + "\r\n\r\n"; }, 2000);
    check_requests(
        [](std::size_t n) {
            return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: " + repeat("x,", 10 * n) +
                   numbered("x-", n, ",") + "\r\n\r\n0\r\n" + numbered("X-", n, ": 1\r\n") + "\r\n";
        },
        trailer_count);
    check_requests(
        [](std::size_t n) {
            return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(n) + "\r\n\r\n" + repeat("x", n);
        },
        100'000);
}

TEST_CASE("the work for a body of a response is linear in its bytes") {
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", end = "0\r\n\r\n";
    check_responses([&](std::size_t n) { return head + repeat("1\r\nx\r\n", n) + end; }, 20000);
    check_responses([&](std::size_t n) { return head + repeat("1 ;[=\r\nx\r\n", n) + end; }, 300);
    check_responses([&](std::size_t n) { return head + "0\r\n" + repeat("T: u\r\n", n) + "\r\n"; }, trailer_count);
    check_responses(
        [](std::size_t n) {
            return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: " + repeat("x,", 10 * n) +
                   numbered("x-", n, ",") + "\r\n\r\n0\r\n" + numbered("X-", n, ": 1\r\n") + "\r\n";
        },
        trailer_count);
}

TEST_CASE("the work for a client that reads a few bytes at a time is linear") {
    for (const std::size_t window : {1u, 700u})
        check_linear(20'000, [&](std::size_t n) {
            Talk talk{.window = window};
            talk.response =
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + repeat("2\r\nxy\r\n", n) + "0\r\n\r\n";
            return work_of(plain_config(), talk);
        });
}

TEST_CASE("the work for a request is linear in its fields and a route's edits") {
    // The work is proportional to the sum of the two, not to their product.
    check_linear(100, [](std::size_t n) {
        auto config = busy_config();
        auto& edit = config.routes[0].request_headers;
        for (std::size_t i = 0; i < n; ++i) edit.set.emplace_back("X-Set-" + std::to_string(10000 + i), "v");
        for (std::size_t i = 0; i < n; ++i) edit.remove.push_back("X-Remove-" + std::to_string(10000 + i));
        Talk talk;
        talk.requests = "GET / HTTP/1.1\r\nHost: a\r\n" + numbered("X_Set_", n, ": 1\r\n") +
                        numbered("X-Other-", n, ": 1\r\n") + "\r\n";
        return work_of(config, talk);
    });
}

TEST_CASE("the work for an authentication is linear in all fields and edits") {
    check_linear(100, [](std::size_t n) {
        auto config = busy_config();
        config.pools.push_back(config.pools[0]);
        config.pools[1].name = "auth";
        auto& route = config.routes[1];
        auto& auth = route.forward_auth.emplace(conf::ForwardAuth{"auth", "/"});
        for (std::size_t i = 0; i < n; ++i) auth.copy_headers.push_back("X-Copy-" + std::to_string(10000 + i));
        for (std::size_t i = 0; i < n; ++i)
            route.request_headers.remove.push_back("X-Copy-" + std::to_string(10001 + 2 * i));
        Talk talk;
        talk.requests = "GET / HTTP/1.1\r\nHost: a\r\n" + numbered("X_Copy_", n, ": 1\r\n") + "\r\n";
        talk.response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + numbered("x-copy-", n, ": 1\r\n") + "\r\nok";
        return work_of(config, talk);
    });
}

TEST_CASE("the work for a mirrored body is linear in its bytes") {
    for (const auto piece : pieces)
        check_linear(20'000, [&](std::size_t n) {
            auto config = busy_config();
            config.pools.push_back(config.pools[0]);
            config.pools[1].name = "shadow";
            config.routes[1].mirror.emplace(conf::Mirror{"shadow", {100}, {std::uint64_t{1} << 20}});
            Talk talk{.piece = piece};
            talk.requests = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            repeat("1\r\nx\r\n", n) + "0\r\n\r\n";
            return work_of(config, talk);
        });
}

TEST_CASE("an address chain costs its length, not that times the trusted proxies") {
    for (const char* address : {"172.16.0.0, ", "203.0.113.7, "})
        check_linear(100, [&](std::size_t n) {
            auto config = busy_config();
            for (std::size_t i = 0; i < n; ++i) {
                const auto block = "172.16." + std::to_string(i / 250) + "." + std::to_string(i % 250);
                config.listeners[0].trusted_proxies.insert(config.listeners[0].trusted_proxies.begin(),
                                                           *conf::Cidr::parse(block));
            }
            Talk talk;
            talk.requests = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + repeat(address, 40 * n) + "\r\n\r\n";
            return work_of(config, talk);
        });
}

TEST_CASE("the work for a line of the access log has a bound") {
    for (const auto format : {conf::AccessFormat::combined, conf::AccessFormat::json})
        for (const char* byte : {"a", "\"", "\x80", "\xc2", "\xc2\x85"}) {
            const auto work = [&](std::size_t n) {
                const auto text = repeat(byte, n);
                proxy::log::AccessRecord record;
                record.client = record.peer = "10.0.0.1";
                record.request.method = record.request.target = record.request.host = record.request.referer =
                    record.request.user_agent = text;
                std::array<char, proxy::log::longest_line> out;
                return steps_of([&] { proxy::log::format_line(out, record, {}, format); });
            };
            CHECK(work(100'000) <= 2 * work(10'000));
        }
}
