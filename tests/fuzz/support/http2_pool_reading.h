// Reads what both sides of an HTTP/2 connection to a backend have sent, frame by frame, with nothing of weir's.
//
// Thread: pure functions and values.
// Lifetime: readings own their texts.
#pragma once

#include "tests/fuzz/support/http2_frames.h"
#include "tests/fuzz/support/http2_reading.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http2_pool_reading {

using http2_frames::Section;
using http2_frames::value_of;
using http2_reading::never;
using http2_reading::Progress;

// What a backend has sent on one stream. All moments are numbers of bytes that it has sent until then.
struct Answer {
    std::vector<int> interim; // statuses
    Section head, trailers;   // head: the final one; empty: none
    std::string body;
    std::size_t ended = never, reset = never; // ended: with END_STREAM, and nothing illegal before
    std::uint32_t error_code = 0;             // of the reset
    bool is_malformed = false;

    int status() const { return std::stoi(value_of(head, ":status")); }
};

struct Goaway {
    std::size_t moment;
    std::uint32_t last_id;
};

struct BackendSettings {
    std::size_t moment;
    std::int64_t initial_window; // as of then, like the next ones
    std::uint32_t streams;
    bool allows_websockets;
    std::vector<std::uint32_t> table_sizes;
};

// What the backend has sent, up to the first thing that ends every connection.
struct BackendReading {
    std::map<std::uint32_t, Answer> answers;
    std::vector<BackendSettings> settings;
    std::vector<http2_reading::WindowUpdate> updates;
    std::vector<Goaway> goaways;
};

// A request that weir has sent.
struct Request {
    Section head, trailers;
    std::string body;
    std::size_t begun = 0; // bytes that weir had sent before
    std::size_t read = 0;  // the most that weir had read when it sent this
    bool ended = false;    // with END_STREAM
    bool reset = false;    // by weir

    bool is_websocket() const { return value_of(head, ":method") == "CONNECT"; }
};

// What weir has sent.
struct WeirReading {
    std::map<std::uint32_t, Request> requests;
    const char* error = nullptr; // null: everything is legal
};

BackendReading read_backend(std::string_view bytes);
WeirReading read_weir(std::string_view bytes, const BackendReading& backend, const std::vector<Progress>& progress);

// Returns whether the answer is a whole and legal response to a request with this method.
bool is_whole(const Answer& answer, std::string_view method);
// Returns whether the response has no body whatever follows its head.
bool has_no_body(const Answer& answer, std::string_view method);

} // namespace weir::http2_pool_reading
