#include "proxy/http2/flood_guard.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy;
using namespace weir::proxy::http2;
using namespace std::chrono_literals;

namespace {

const TimePoint start{};

enum Type : int {
    data = 0,
    headers = 1,
    priority = 2,
    rst_stream = 3,
    settings = 4,
    push_promise = 5,
    ping = 6,
    goaway = 7,
    window_update = 8,
    continuation = 9,
    priority_update = 16,
    unknown = 0xfa
};

std::string frame_header(int type, int flags, std::size_t length) {
    std::string bytes;
    for (const int shift : {16, 8, 0}) bytes += static_cast<char>(length >> shift & 0xff);
    bytes += static_cast<char>(type);
    bytes += static_cast<char>(flags);
    return bytes + std::string("\0\0\0\1", 4);
}

std::string frame(int type, const std::string& payload = {}, int flags = 0) {
    return frame_header(type, flags, payload.size()) + payload;
}

std::string padded(std::size_t payload, unsigned char padding) {
    return frame(data, std::string(1, static_cast<char>(padding)) + std::string(payload + padding, 'x'), 0x8);
}

const std::string update = frame(window_update, "1234");

// Sends the bytes so many times at one instant.
void repeat(FloodGuard& guard, const std::string& bytes, int times, TimePoint now = start) {
    for (int i = 0; i < times; ++i) guard.on_bytes(bytes, now);
}

} // namespace

TEST_CASE("a flood of frames that ask for nothing is recognized") {
    const std::vector<std::string> frames{
        frame(settings),
        frame(settings, {}, 1),
        frame(settings, std::string(6, '\0')),
        frame(ping, "12345678"),
        frame(ping, "12345678", 1),
        frame(priority, "12345"),
        update,
        frame(rst_stream, "1234"),
        frame(continuation),
        frame(continuation, "x"),
        frame(data),
        frame(data, {}, 1),
        frame(data, {}, 0x8),
        padded(0, 0),
        padded(0, 255),
        frame(data, "\xff", 0x8), // more padding than fits
        frame(goaway, "12345678"),
        frame(push_promise, "1234"),
        frame(priority_update, "1234"),
        frame(unknown),
        frame(unknown, std::string(1000, 'x')),
    };
    for (const auto& bytes : frames) {
        INFO("type " << int(bytes[3]) << ", " << bytes.size() << " bytes");
        FloodGuard whole(start), pieces(start), joined(start);
        repeat(whole, bytes, 20000);
        CHECK(whole.is_flood());
        std::string all;
        for (int i = 0; i < 20000; ++i) all += bytes;
        joined.on_bytes(all, start);
        CHECK(joined.is_flood());
        for (int i = 0; i < 2001; ++i)
            for (const char c : bytes) pieces.on_bytes({&c, 1}, start);
        CHECK(pieces.is_flood());
    }
}

TEST_CASE("a thousand resets in a row are a flood") {
    FloodGuard guard(start);
    const auto request = frame(headers, std::string(40, 'h'), 5) + frame(rst_stream, "1234");
    repeat(guard, request, 600);
    CHECK_FALSE(guard.is_flood());
    repeat(guard, request, 400);
    CHECK(guard.is_flood());
}

TEST_CASE("errors that a peer provokes are a flood") {
    FloodGuard guard(start);
    for (int i = 0; i < 500; ++i) guard.on_stream_error();
    CHECK_FALSE(guard.is_flood());
    guard.on_stream_error();
    CHECK(guard.is_flood());
}

TEST_CASE("a peer that has flooded is not forgiven") {
    FloodGuard guard(start);
    repeat(guard, frame(ping, "12345678"), 2001);
    REQUIRE(guard.is_flood());
    for (int i = 0; i < 1000; ++i) guard.on_request_done();
    guard.on_bytes({}, start + 24h);
    CHECK(guard.is_flood());
}

TEST_CASE("credit comes back with time and with requests") {
    FloodGuard timed(start), served(start), idle(start);
    repeat(timed, frame(settings), 2000);
    for (int i = 1; i <= 5000; ++i) timed.on_bytes(frame(settings), start + i * 4ms);
    CHECK_FALSE(timed.is_flood());
    repeat(timed, frame(settings), 1, start + 20s);
    CHECK(timed.is_flood());
    for (int i = 0; i < 5000; ++i) {
        repeat(served, frame(headers, "h") + frame(settings), 2);
        served.on_request_done();
    }
    CHECK_FALSE(served.is_flood());
    repeat(idle, frame(settings), 2001, start + 24h); // no more than at the beginning
    CHECK(idle.is_flood());
}

TEST_CASE("time in steps that are no multiple of a credit's adds up") {
    FloodGuard guard(start);
    repeat(guard, frame(settings), 2000);
    for (int i = 1; i <= 2000; ++i) guard.on_bytes({}, start + i * 3ms);
    repeat(guard, frame(settings), 1500, start + 6s);
    CHECK_FALSE(guard.is_flood());
}

TEST_CASE("requests and bodies are no flood") {
    FloodGuard guard(start);
    for (const auto& bytes :
         {frame(headers, "h", 4), frame(data, "x"), padded(1, 255), frame(data, std::string(16384, 'x'))})
        repeat(guard, bytes, 20000);
    CHECK_FALSE(guard.is_flood());
}

TEST_CASE("a browser that loads a page of 200 files is no flood") {
    FloodGuard guard(start);
    repeat(guard, frame(settings, std::string(24, '\0')) + update + frame(settings, {}, 1), 1);
    for (int i = 0; i < 5; ++i) guard.on_bytes(frame(priority, "12345"), start);
    for (int i = 0; i < 200; ++i)
        guard.on_bytes(frame(headers, "h", 5) + frame(priority, "12345") + update + frame(priority, "12345"), start);
    CHECK_FALSE(guard.is_flood());
}

TEST_CASE("a download with two window updates for each frame is no flood") {
    FloodGuard guard(start);
    guard.on_bytes(frame(headers, "h", 5), start);
    for (int i = 0; i < 655360; ++i) { // 10 GiB
        guard.on_data_sent(16384);
        guard.on_bytes(update + update, start);
    }
    CHECK_FALSE(guard.is_flood());
}

TEST_CASE("a client that consumes 64 MiB at once in pieces of 4 KiB is no flood") {
    FloodGuard guard(start);
    for (int i = 0; i < 4096; ++i) guard.on_data_sent(16384);
    repeat(guard, update + update, 16384);
    CHECK_FALSE(guard.is_flood());
}

TEST_CASE("the bytes of bodies pay only for answers to them") {
    for (const auto& bytes : {frame(settings), frame(rst_stream, "1234"), frame(data), frame(unknown)}) {
        FloodGuard guard(start);
        for (int i = 0; i < 100000; ++i) guard.on_data_sent(16384);
        repeat(guard, bytes, 2001);
        CHECK(guard.is_flood());
    }
}

TEST_CASE("a gRPC client with small messages and a ping each second is no flood") {
    FloodGuard guard(start);
    for (int second = 0; second < 3600; ++second) {
        const auto now = start + second * 1s;
        guard.on_bytes(frame(ping, "12345678"), now);
        for (int i = 0; i < 100; ++i) {
            guard.on_bytes(frame(data, "small"), now);
            guard.on_data_sent(5);
            guard.on_bytes(update + frame(ping, "12345678") + update, now);
        }
    }
    CHECK_FALSE(guard.is_flood());
}

TEST_CASE("a gRPC client that cancels 50 calls a second for ever is no flood") {
    FloodGuard guard(start);
    for (int second = 0; second < 24 * 3600; ++second) {
        const auto now = start + second * 1s;
        guard.on_bytes(frame(ping, "12345678"), now);
        for (int i = 0; i < 50; ++i)
            guard.on_bytes(frame(headers, "h", 4) + frame(data, "x") + frame(data, {}, 1) + frame(rst_stream, "1234"),
                           now);
    }
    CHECK_FALSE(guard.is_flood());
}

TEST_CASE("a frame that announces a huge length is skipped whole") {
    FloodGuard guard(start);
    constexpr std::size_t huge = (1u << 24) - 1;
    // What looks like frames in its payload is none.
    guard.on_bytes(frame_header(unknown, 0, huge), start);
    std::string inside;
    while (inside.size() < huge) inside += frame(settings);
    guard.on_bytes({inside.data(), huge}, start);
    CHECK_FALSE(guard.is_flood());
    repeat(guard, frame(settings), 1999);
    CHECK_FALSE(guard.is_flood());
    repeat(guard, frame(settings), 1);
    CHECK(guard.is_flood());
}

TEST_CASE("padded data that announces a huge length counts as payload") {
    FloodGuard guard(start);
    guard.on_bytes(frame_header(data, 0x8, (1u << 24) - 1) + "\xff", start);
    guard.on_bytes(std::string((1u << 24) - 2, 'x'), start);
    repeat(guard, frame(settings), 2000);
    CHECK_FALSE(guard.is_flood());
}
