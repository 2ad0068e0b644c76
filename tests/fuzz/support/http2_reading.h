// Reads what both sides of an HTTP/2 connection have sent, frame by frame, with nothing of weir's: slow and simple.
// Only field sections are decoded by libnghttp2.
//
// Thread: pure functions and values.
// Lifetime: readings own their texts.
#pragma once

#include "tests/fuzz/support/http2_frames.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http2_reading {

inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::size_t never = ~std::size_t{0};

using http2_frames::Section;
using http2_frames::value_of;

// A request. All moments are numbers of bytes that the client has sent until then.
struct Request {
    Section head;
    std::string body;
    std::size_t begun = never, ended = never, reset = never; // ended: with END_STREAM

    bool is_websocket() const { return value_of(head, ":method") == "CONNECT"; }
    std::string method() const { return is_websocket() ? "GET" : value_of(head, ":method"); }
};

struct Settings {
    std::size_t moment;
    std::int64_t initial_window; // as of then
    std::vector<std::uint32_t> table_sizes;
};

struct WindowUpdate {
    std::size_t moment;
    std::uint32_t id;
    std::int64_t bytes;
};

// What the client has sent, up to the first thing that cannot be read.
struct ClientReading {
    std::map<std::uint32_t, Request> requests;
    std::vector<Settings> settings;
    std::vector<WindowUpdate> updates;
    bool says_goodbye = false; // with a GOAWAY
};

struct Response {
    Section head; // the final one; empty: none
    Section trailers;
    std::string body;
    bool ended = false, reset = false;

    int status() const { return std::stoi(value_of(head, ":status")); }
};

struct ServerReading {
    std::map<std::uint32_t, Response> responses;
    const char* error = nullptr; // null: everything is legal
    bool has_failed = false;     // a GOAWAY with an error
    std::uint32_t last_id = 0x7fffffff;
};

// How much weir had read from the client when it had sent so much.
struct Progress {
    std::size_t sent, read;
};

ClientReading read_client(std::string_view bytes);
ServerReading read_server(std::string_view bytes, const ClientReading& client, const std::vector<Progress>& progress);

// Returns what had been read when `sent` bytes had been sent.
std::size_t read_until(const std::vector<Progress>& progress, std::size_t sent);

} // namespace weir::http2_reading
