#include "proxy/log/access_line.h"
#include "proxy/log/ring.h"
#include "tests/catch.h"

#include <boost/json.hpp>

#include <array>
#include <cstring>
#include <string>
#include <thread>

using namespace weir::proxy::log;
using weir::conf::AccessFormat;

namespace {

std::string line_of(const AccessRecord& record, AccessFormat format) {
    LineClock clock;
    clock.update(std::chrono::system_clock::time_point(std::chrono::milliseconds(1795433880007)));
    std::array<char, longest_line> out;
    return {out.data(), format_line(out, record, clock, format)};
}

AccessRecord sample() {
    AccessRecord record;
    record.client = "10.0.0.1";
    record.request.method = "GET";
    record.request.target = "/x?y";
    record.request.host = "a.b";
    record.request.user_agent = "curl/8";
    record.status = 200;
    record.bytes.sent = 200;
    record.bytes.body = 123;
    record.durations.took = std::chrono::microseconds(456);
    record.path.pool = "web";
    return record;
}

} // namespace

TEST_CASE("the combined line is the one that log readers know") {
    CHECK(line_of(sample(), AccessFormat::combined) ==
          "10.0.0.1 - - [23/Nov/2026:11:38:00 +0000] \"GET /x?y HTTP/1.1\" 200 123 \"-\" \"curl/8\" -\n");
    AccessRecord none;
    none.client = "10.0.0.1";
    none.status = 400;
    none.failure = {weir::proxy::FailureReason::bad_request};
    CHECK(line_of(none, AccessFormat::combined) ==
          "10.0.0.1 - - [23/Nov/2026:11:38:00 +0000] \"-\" 400 - \"-\" \"-\" bad_request\n");
    none.request.target = "\x16\x03 x";
    CHECK(line_of(none, AccessFormat::combined).find(" \"\\x16\\x03 x\" 400 ") != std::string::npos);
}

TEST_CASE("a line has the version of HTTP that the client speaks") {
    using enum weir::conf::HttpVersion;
    const std::pair<weir::conf::HttpVersion, std::string> cases[] = {
        {http1_0, "1.0"}, {http1_1, "1.1"}, {http2, "2.0"}, {none, ""}};
    for (const auto& [version, digits] : cases) {
        auto record = sample();
        record.request.version = version;
        const auto suffix = digits.empty() ? "" : " HTTP/" + digits;
        CHECK(line_of(record, AccessFormat::combined).find("\"GET /x?y" + suffix + "\" 200 ") != std::string::npos);
        const auto json = boost::json::parse(line_of(record, AccessFormat::json)).as_object();
        CHECK(json.at("http_version").as_string() == digits);
    }
    AccessRecord no_request; // such as a flood, which ends a connection
    no_request.request.version = http2;
    CHECK(line_of(no_request, AccessFormat::combined).find(" \"-\" ") != std::string::npos);
}

TEST_CASE("nothing from outside can end a quotation or a line") {
    auto record = sample();
    const std::string evil = "a\"b\\c\n\x1b\xff";
    record.request.user_agent = evil;
    const auto line = line_of(record, AccessFormat::combined);
    CHECK(line.find("a\\x22b\\x5cc\\x0a\\x1b\\xff\" -\n") != std::string::npos);
    const auto json = boost::json::parse(line_of(record, AccessFormat::json)).as_object();
    CHECK(json.at("user_agent").as_string() == "a\"b\\c\n\x1b\xef\xbf\xbd"); // U+FFFD for bytes that are not UTF-8
}

TEST_CASE("the JSON line has milliseconds, the peer, and UTF-8 as it came") {
    auto record = sample();
    record.peer = "10.0.0.5";
    record.request.target = "/\xc3\xa4\xf0\x9f\x98\x80\xc2\x85"; // the last character is a control character
    record.durations.first_byte = std::chrono::microseconds(12'034);
    const auto line = line_of(record, AccessFormat::json);
    CHECK(line.find("\"/\xc3\xa4\xf0\x9f\x98\x80\\u0085\"") != std::string::npos);
    const auto json = boost::json::parse(line).as_object();
    CHECK(json.at("time").as_string() == "2026-11-23T11:38:00.007Z");
    CHECK(json.at("client").as_string() == "10.0.0.1");
    CHECK(json.at("peer").as_string() == "10.0.0.5");
    CHECK(json.at("duration_ms").as_double() == 0.456);
    CHECK(json.at("first_byte_ms").as_double() == 12.034);
    CHECK(json.at("connect_ms").is_null());
    CHECK(json.at("reason").as_string() == "");
    CHECK(json.at("body_bytes").as_int64() == 123);
}

TEST_CASE("a TCP connection has a line of its own") {
    AccessRecord record;
    record.client = "10.0.0.1";
    record.protocol = weir::conf::Protocol::tcp;
    record.path.listener = "db";
    record.status = 502;
    record.failure = {weir::proxy::FailureReason::connect_refused, "connect"};
    CHECK(line_of(record, AccessFormat::combined) ==
          "10.0.0.1 - - [23/Nov/2026:11:38:00 +0000] \"TCP db\" 502 - \"-\" \"-\" connect_refused\n");
    const auto json = boost::json::parse(line_of(record, AccessFormat::json)).as_object();
    CHECK(json.at("protocol").as_string() == "tcp");
    CHECK(json.at("reason").as_string() == "connect_refused");
    CHECK_FALSE(json.contains("method"));
    CHECK_FALSE(json.contains("http_version"));
}

TEST_CASE("the longest texts fit a line") {
    auto record = sample();
    const std::string huge(100000, '\xff');
    record.request.target = record.request.host = record.request.referer = record.request.user_agent =
        record.request.method = huge;
    record.path.listener = record.path.route = record.path.pool = record.path.backend = huge;
    record.failure = {weir::proxy::FailureReason::bad_request, "a reason"};
    for (const auto format : {AccessFormat::combined, AccessFormat::json}) {
        const auto line = line_of(record, format);
        CHECK(line.size() <= longest_line);
        CHECK(line.back() == '\n');
        if (format == AccessFormat::json) CHECK(boost::json::parse(line).is_object());
    }
}

TEST_CASE("a text is cut before the first byte whose escape might not fit") {
    const auto written = [](const std::string& agent, AccessFormat format) {
        auto record = sample();
        record.request.user_agent = agent;
        const auto line = line_of(record, format);
        const auto start = format == AccessFormat::json ? line.rfind(":\"") + 2 : line.rfind(" \"") + 2;
        return line.substr(start, line.rfind('"') - start);
    };
    const auto text = [](std::size_t size, const std::string& end) { return std::string(size, 'a') + end; };
    CHECK(written(text(2000, ""), AccessFormat::combined) == text(1197, ""));
    CHECK(written(text(1196, "\x01"
                             "b"),
                  AccessFormat::combined) == text(1196, "\\x01"));
    CHECK(written(text(1190, "\x01\x02\x03"), AccessFormat::combined) == text(1190, "\\x01\\x02"));
    CHECK(written(text(2000, ""), AccessFormat::json) == text(1195, ""));
    CHECK(written(text(1194, "\x01"
                             "b"),
                  AccessFormat::json) == text(1194, "\\u0001"));
    CHECK(written(text(1190, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"), AccessFormat::json) ==
          text(1190, "\xc3\xa4\xc3\xa4\xc3\xa4"));
}

TEST_CASE("the ring returns every line once, in order, or reports that it is full") {
    Ring ring(1000);
    std::string expected, got;
    const auto drain = [&] {
        for (auto bytes = ring.peek(); !bytes.empty(); bytes = ring.peek()) {
            got += bytes;
            ring.release(bytes.size());
        }
    };
    int dropped = 0;
    for (int i = 0; i < 5000; ++i) {
        const std::string line(static_cast<std::size_t>(1 + i * 7 % 97), static_cast<char>('a' + i % 26));
        const auto room = ring.reserve(120);
        if (room.empty()) {
            ++dropped;
            drain();
            continue;
        }
        std::memcpy(room.data(), line.data(), line.size());
        ring.commit(line.size());
        expected += line;
        if (i % 97 == 0) drain();
    }
    drain();
    CHECK(got == expected);
    CHECK(dropped > 0);
}

TEST_CASE("the ring holds between two threads") {
    Ring ring(4096);
    constexpr std::uint64_t count = 200000;
    std::thread producer([&] {
        for (std::uint64_t i = 0; i < count;) {
            const auto room = ring.reserve(64);
            if (room.empty()) {
                std::this_thread::yield();
                continue;
            }
            std::memcpy(room.data(), &i, sizeof i);
            ring.commit(sizeof i);
            ++i;
        }
    });
    std::uint64_t next = 0;
    std::string pending;
    while (next < count) {
        const auto bytes = ring.peek();
        pending += bytes;
        ring.release(bytes.size());
        std::size_t at = 0;
        for (; at + 8 <= pending.size(); at += 8) {
            std::uint64_t value;
            std::memcpy(&value, pending.data() + at, 8);
            if (value != next++) break;
        }
        pending.erase(0, at);
        if (bytes.empty()) std::this_thread::yield();
    }
    producer.join();
    CHECK(next == count);
}
