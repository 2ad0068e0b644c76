#include "balancer/backend.h"
#include "proxy/http/refused_request.h"
#include "proxy/log/failure_log.h"
#include "proxy/log/utf8.h"
#include "tests/catch.h"

#include <cerrno>
#include <set>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;

TEST_CASE("every failure reason has a word of its own and a status") {
    std::set<std::string_view> words;
    for (std::size_t i = 0; i < failure_reason_count; ++i) {
        const auto reason = static_cast<FailureReason>(i);
        CHECK(words.insert(word_of(reason)).second);
        CHECK(status_of(reason) >= 200);
    }
    CHECK(status_of(FailureReason::client_closed) == 499);
    CHECK(cause_of(FailureReason::http2_flood) == FailureCause::client);
    CHECK(cause_of(FailureReason::http2_protocol_error) == FailureCause::client);
    CHECK(reason_of_connect_error(ECONNREFUSED) == FailureReason::connect_refused);
    CHECK(reason_of_connect_error(EHOSTUNREACH) == FailureReason::connect_failed);
}

TEST_CASE("each status that the parser refuses with has its reason") {
    for (const int status : {400, 405, 413, 417, 431, 505, 408}) CHECK(status_of(reason_of_refusal(status)) == status);
    CHECK(reason_of_refusal(414) == FailureReason::request_header_too_large);
}

TEST_CASE("a refused request shows method, target and host as far as they came") {
    auto request = http::read_refused_request("GET /a?b HTTP/1.1\r\nHost : x\r\nHost: y\r\nBad\x01: 1\r\n\r\n");
    CHECK(request.method == "GET");
    CHECK(request.target == "/a?b");
    CHECK(request.host == "x");
    CHECK(request.version == conf::HttpVersion::http1_1);
    request = http::read_refused_request("POST /long HTTP/1.0\nUser-Agent: u\nHOST: h\n");
    CHECK(request.target == "/long");
    CHECK(request.version == conf::HttpVersion::http1_0);
    CHECK(request.host == "h");
    CHECK(request.user_agent == "u");
    request = http::read_refused_request("GET /with space HTTP/1.1");
    CHECK(request.target == "/with space");
    request = http::read_refused_request("GET /cut");
    CHECK(request.method == "GET");
    CHECK(request.target == "/cut");
    request = http::read_refused_request("\x16\x03\x01\x02 tls");
    CHECK(request.method.empty());
    CHECK(request.target == "\x16\x03\x01\x02 tls");
    request = http::read_refused_request("nonsense\r\n\r\n");
    CHECK(request.method.empty());
    CHECK(request.target == "nonsense");
    CHECK(request.version == conf::HttpVersion::none);
    CHECK(http::read_refused_request("").target.empty());
}

TEST_CASE("the lines of a refused request that are complete name its client") {
    const conf::AddressBlocks trusted(std::vector{*conf::Cidr::parse("10.0.0.0/8")});
    const auto client_of = [&](const std::string& lines) {
        const auto client = http::find_refused_client("GET / HTTP/1.1\r\n" + lines, trusted);
        return client ? client->ip_text() : "the peer";
    };
    CHECK(client_of("X-Forwarded-For: 1.1.1.1, 203.0.113.7, 10.0.0.2\r\nBad\x01: 1\r\n\r\n") == "203.0.113.7");
    CHECK(client_of("Bad line\r\nx-forwarded-for:203.0.113.7\nHost: a") == "203.0.113.7");
    CHECK(client_of("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 203.0.113.7\r\n") == "203.0.113.7");
    CHECK(client_of("Forwarded: for=\"[2001:db8::1]:80\"\r\n") == "2001:db8::1");
    CHECK(client_of("Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 203.0.113.7\r\n") == "203.0.113.7");
    CHECK(client_of("X-Forwarded-For:\r\nForwarded: for=203.0.113.7\r\n") == "203.0.113.7");
    for (const char* unclear :
         {"", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-For : 1.1.1.1\r\n", "X-Forwarded-For 1.1.1.1\r\n",
          "X-Forwarded-For: 1.1.1.1,\r\n 2.2.2.2\r\n", "A: b\rX-Forwarded-For: 1.1.1.1\r\n",
          "X-Forwarded-For: 1.1.1.1\x01\r\n", "\r\nX-Forwarded-For: 1.1.1.1\r\n"}) {
        INFO(unclear);
        CHECK(client_of(unclear) == "the peer");
    }
    CHECK_FALSE(http::find_refused_client("", trusted));
    CHECK_FALSE(http::find_refused_client("X-Forwarded-For: 1.1.1.1\r\n", trusted));
    CHECK_FALSE(http::find_refused_client("X-Forwarded-For: 1.1.1.1", trusted));
}

TEST_CASE("a reason may fill a few lines at once and one a second after that") {
    log::RateLimit limit;
    auto now = log::RateLimit::TimePoint(1h);
    for (std::uint32_t i = 0; i < log::RateLimit::burst; ++i) CHECK(limit.allow(now));
    for (int i = 0; i < 10; ++i) CHECK_FALSE(limit.allow(now));
    CHECK(limit.allow(now + 1s));
    CHECK(limit.take_suppressed() == 10);
    CHECK(limit.take_suppressed() == 0);
    CHECK_FALSE(limit.allow(now + 1500ms));
    CHECK(limit.allow(now + 2s));
    now += 1h; // a quiet hour allows no more than a burst
    for (std::uint32_t i = 0; i < log::RateLimit::burst; ++i) CHECK(limit.allow(now));
    CHECK_FALSE(limit.allow(now));
}

TEST_CASE("an excerpt shows the bytes around the place, escaped") {
    CHECK(log::excerpt("abc\r\n\"\\\xff", 3) == "abc\\x0d\\x0a\\x22\\x5c\\xff");
    const std::string many(1000, 'a');
    CHECK(log::excerpt(many, 500).size() == 96);
    CHECK(log::excerpt(many, 5000).size() == 32);
    CHECK(log::excerpt("", 0).empty());
    CHECK(log::describe_failure({FailureReason::connect_failed, "connect", EHOSTUNREACH}) ==
          "connect: No route to host");
}

TEST_CASE("an excerpt hides the values of fields with credentials") {
    const std::string head = "GET / HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\n more-secret\r\nA: b\x01\r\n\r\n";
    for (std::size_t at = 0; at <= head.size(); ++at) {
        INFO(at);
        const auto text = log::excerpt(head, at);
        CHECK(text.find("c2V") == std::string::npos);
        CHECK(text.find("secret") == std::string::npos);
    }
    CHECK(log::excerpt(head, head.find('\x01')).find("A: b\\x01") != std::string::npos);
    CHECK(log::excerpt(head, 0) == "GET / HTTP/1.1\\x0d\\x0aAuthorization:[hidden][hidden]A: ");
    CHECK(log::excerpt("HTTP/1.1 200 OK\r\nSet-Cookie : id=s3cret\r\n", 20).find("s3cret") == std::string::npos);
    CHECK(log::excerpt("X\x01-Api-Key: s3cret", 0).find("s3cret") == std::string::npos);
}

TEST_CASE("invalid UTF-8 is recognised") {
    const auto length = [](const char* text) { return log::utf8_length(text); };
    CHECK(length("a") == 1);
    CHECK(length("\xc3\xa4") == 2);
    CHECK(length("\xe2\x82\xac") == 3);
    CHECK(length("\xf0\x9f\x98\x80") == 4);
    for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                            "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xff"}) {
        INFO(log::escape_bytes(bad));
        CHECK(length(bad) == 0);
    }
    CHECK(log::utf8_length("") == 0);
}

TEST_CASE("a backend remembers its last errors over all workers, the newest first") {
    weir::balancer::Backend backend("web", "b", *weir::conf::Address::parse("10.0.0.1:80"), 2, nullptr);
    CHECK(backend.recent_errors().empty());
    const auto at = [](int second) { return std::chrono::system_clock::time_point(std::chrono::seconds(second)); };
    for (int i = 1; i <= 9; ++i)
        backend.note_recent_error(static_cast<std::size_t>(i % 2), at(i), "backend_closed", "try " + std::to_string(i));
    const auto errors = backend.recent_errors();
    REQUIRE(errors.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(errors[i].at == at(9 - static_cast<int>(i)));
        CHECK(errors[i].reason == "backend_closed");
        CHECK(errors[i].detail == "try " + std::to_string(9 - i));
    }
    backend.note_recent_error(0, at(10), "connect_refused", std::string(1000, 'x'));
    CHECK(backend.recent_errors()[0].detail == std::string(120, 'x'));
}
