#include "tests/fuzz/support/http2_script.h"

#include "tests/fuzz/support/http2_frames.h"
#include "tests/fuzz/support/http2_reading.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

namespace weir::http2_script {
namespace {

using http2_frames::number;
using Fields = http2_frames::Section;

// Replaces the start of those that are added.
const std::vector<Fields>& sections() {
    const auto request = [](const char* method, Fields more) {
        Fields all{{":method", method}, {":scheme", "http"}, {":authority", "a"}, {":path", "@"}};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    };
    static const std::vector<Fields> all{
        request("GET", {}),
        request("HEAD", {}),
        request("POST", {}),
        request("POST", {{"content-length", "5"}}),
        request("POST", {{"content-length", "0"}}),
        request("GET", {{"cookie", "a=1"}, {"x-y", "z"}, {"cookie", "b=2"}}),
        {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":authority", "a"}, {":path", "@"}},
        {{":method", "CONNECT"}, {":authority", "a:80"}},
        {{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "a"}, {":path", "*"}},
        {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}},
        request("GET", {{"X-Upper", "1"}}),
        request("GET", {{"connection", "close"}}),
        request("GET", {{"te", "trailers"}, {"priority", "u=1, i"}}),
        request("GET", {{"te", "gzip"}}),
        request("GET", {{"host", "a"}}),
        request("GET", {{"host", "b"}}),
        request("POST", {{"transfer-encoding", "chunked"}}),
        request("GET", {{":path", "/twice"}}),
        request("GET", {{"x", "1"}, {":late", "1"}}),
        request("GET", {{"x-large", std::string(20'000, 'x')}}),
        request("GET", Fields(120, {"x", "y"})),
        request("POST", {{"expect", "100-continue"}, {"content-length", "3"}}),
        request("GET", {{"x", " blank"}}),
        request("GET", {{"x", std::string("\0", 1)}}),
        request("TRACE", {}),
        {{"x-trailer", "1"}},
        {{":status", "200"}, {"x", "1"}},
        request("GET", {{"x-forwarded-for", "6.6.6.6"}, {"x-real-ip", "6.6.6.6"}, {"x_forwarded.for", "6.6.6.6"}}),
        request("GET", {{"upgrade", "websocket"}}),
        request("PUT", {{"content-length", "70000"}}),
        {{":method", "GET"}, {":scheme", "ftp"}, {":authority", "a"}, {":path", "@"}},
        {{":method", "CONNECT"}, {":protocol", "tcp"}, {":scheme", "http"}, {":authority", "a"}, {":path", "@"}},
    };
    return all;
}

const std::vector<std::string>& answers() {
    static const std::vector<std::string> all{
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        "$\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.0 500 Broken\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n",
        std::string(30'000, 'd'),
        std::string(100'000, 'e'),
        "HTTP/1.1 200 O\x01K\r\nContent-Length: 2, 2\r\nA: \x02 b\x7f\r\n\xff: 1\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n" + std::string(65'536, 'f') + "\r\n",
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nKeep-Alive: 1\r\nTE: x\r\nProxy-Connection: y\r\nX-UPPER:  v \r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Large: " + std::string(18'000, 'x') + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf",
        "0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-A:\r\nX-B: \t\r\n\r\n1surplus",
    };
    return all;
}

constexpr std::uint32_t largest_window = 0x7fffffff;
constexpr std::array<std::pair<std::uint16_t, std::uint32_t>, 16> settings{{
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 65535},
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0},
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1},
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100},
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1'000'000},
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, largest_window},
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, largest_window + 1},
    {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0},
    {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 100},
    {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 65536},
    {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 16384},
    {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 16383},
    {NGHTTP2_SETTINGS_ENABLE_PUSH, 1},
    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0},
    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 10},
    {99, 1},
}};

// Returns a backend connection, counted from the last one, or null.
memory_io::Wire* backend(std::size_t back) {
    const auto& all = memory_io::connected();
    return back >= all.size() ? nullptr : &memory_io::wire(all[all.size() - 1 - back]);
}

// Returns the Sec-WebSocket-Accept for the last handshake that a backend has received.
std::string accept_for(const memory_io::Wire& wire) {
    const std::string_view name = "Sec-WebSocket-Key: ";
    const auto at = wire.sent.rfind(name);
    if (at == std::string::npos) return "none";
    const auto from = at + name.size();
    const auto text =
        wire.sent.substr(from, wire.sent.find('\r', from) - from) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::array<unsigned char, 32> base64;
    const auto size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
    return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(size)};
}

} // namespace

std::string_view Script::take(std::size_t size) {
    const auto bytes = input_.substr(0, size);
    input_.remove_prefix(bytes.size());
    return bytes;
}

std::size_t Script::take_number() {
    const auto byte = take(1);
    return byte.empty() ? 0 : static_cast<unsigned char>(byte[0]);
}

void Script::play(std::string_view input) {
    input_ = input;
    begin(take_number());
    while (input_.size() >= 2) {
        const auto operation = take_number();
        act(operation, take_number());
    }
    holds_ = false;
    deliver(std::exchange(held_, {}));
}

void Script::begin(std::size_t mode) {
    ending_ = static_cast<Ending>(mode % 4);
    if (mode & 4) return; // no preface
    send(http2_reading::preface);
    if (mode & 8) return; // no SETTINGS
    send_settings(mode / 16);
}

void Script::act(std::size_t operation, std::size_t number) {
    constexpr std::size_t operations = 17;
    switch (operation % operations) {
    case 0: return send_headers(number);
    case 1: return send_data(number);
    case 2: {
        const auto error_code = static_cast<std::uint32_t>(number / 8);
        return send_frame(NGHTTP2_RST_STREAM, 0, recent_id(number % 8), http2_frames::number(error_code, 4));
    }
    case 3: {
        constexpr std::array<std::uint32_t, 8> sizes{1, 100, 16384, 65535, 1'000'000, 0, largest_window, 0xffffffff};
        const auto id = number % 8 == 7 ? 0 : recent_id(number % 8);
        return send_frame(NGHTTP2_WINDOW_UPDATE, 0, id, http2_frames::number(sizes[number / 8 % 8], 4));
    }
    case 4: return send_settings(number);
    case 5: return send_frame(NGHTTP2_PING, number & 1, 0, std::string(number & 2 ? 7 : 8, 'p'));
    case 6:
        return send_frame(NGHTTP2_PRIORITY, 0, recent_id(number % 8), std::string("\0\0\0\1\2", number & 8 ? 4 : 5));
    case 7:
        return send_frame(NGHTTP2_GOAWAY, 0, 0, http2_frames::number(number & 15, 8) + std::string(number / 16, 'g'));
    case 8: return send_any_frame(number);
    case 9: return send(take(number));
    case 10: return send_rest_of_section(number);
    case 11: return answer(number);
    case 12: {
        auto* const last = backend(0);
        const auto bytes = take(number);
        if (last) memory_io::arrive(*last, bytes);
        return run();
    }
    case 13: return disturb_backend(number);
    case 14: return disturb_client(number);
    case 15: return run(std::chrono::milliseconds(number * 10));
    default: return hold(number);
    }
}

void Script::run(std::chrono::milliseconds later) {
    memory_io::run(bench_.loop, later);
    on_step_();
}

void Script::send(std::string_view bytes) {
    if (holds_) held_ += bytes;
    else deliver(bytes);
}

void Script::deliver(std::string_view bytes) {
    constexpr int most_pieces = 100;
    for (int pieces = 0; piece_ > 0 && pieces < most_pieces && bytes.size() > piece_; ++pieces) {
        memory_io::arrive(client_, bytes.substr(0, piece_));
        bytes.remove_prefix(piece_);
        run();
    }
    memory_io::arrive(client_, bytes);
    run();
}

void Script::send_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload) {
    send(http2_frames::frame(type, flags, id, payload));
}

// Returns the id of a stream, counted from the last one.
std::uint32_t Script::recent_id(std::size_t back) const {
    const auto step = static_cast<std::uint32_t>(2 * back + 2);
    return next_id_ > step ? next_id_ - step : 1;
}

// The lowest five bits select the fields; the others: END_STREAM, a CONTINUATION follows, for the last stream.
void Script::send_headers(std::size_t number) {
    std::uint8_t flags = number & 32 ? NGHTTP2_FLAG_END_STREAM : 0;
    const bool is_trailer = (number & 128) != 0;
    const auto id = is_trailer ? recent_id(0) : next_id_;
    if (!is_trailer) next_id_ += 2;
    auto fields = sections()[number % 32];
    for (auto& [_, value] : fields)
        if (value == "@") value = "/s" + std::to_string(id);
    auto block = http2_frames::encode(fields);
    constexpr std::size_t largest_frame = 16384;
    const auto first = number & 64 ? block.size() / 2 : std::min(block.size(), largest_frame);
    section_ = block.substr(first);
    section_id_ = id;
    if (!(number & 64) && section_.empty()) flags |= NGHTTP2_FLAG_END_HEADERS;
    send_frame(NGHTTP2_HEADERS, flags, id, block.substr(0, first));
    if (!(number & 64) && !section_.empty()) send_rest_of_section(0);
}

void Script::send_rest_of_section(std::size_t number) {
    const auto size = number % 8 == 7 ? section_.size() / 2 : section_.size();
    const std::uint8_t flags = number % 8 == 7 ? 0 : NGHTTP2_FLAG_END_HEADERS;
    send_frame(NGHTTP2_CONTINUATION, flags, section_id_, section_.substr(0, size));
    section_.erase(0, size);
}

// The lowest three bits select the stream; the others: END_STREAM, padding, size.
void Script::send_data(std::size_t number) {
    constexpr std::array<std::size_t, 8> sizes{0, 1, 3, 5, 100, 4000, 16000, 16384};
    std::uint8_t flags = number & 8 ? NGHTTP2_FLAG_END_STREAM : 0;
    const auto size = sizes[number / 32];
    const auto id = recent_id(number % 8);
    std::string payload(size, static_cast<char>('A' + id % 26));
    if (number & 16) {
        flags |= NGHTTP2_FLAG_PADDED;
        payload = (size % 3 == 0 ? std::string(1, '\0') + payload : '\5' + payload + std::string(5, '\0'));
    }
    send_frame(NGHTTP2_DATA, flags, id, payload);
}

void Script::send_settings(std::size_t number) {
    std::string payload;
    const auto add = [&payload](const std::pair<std::uint16_t, std::uint32_t>& one) {
        payload += http2_frames::number(one.first, 2) + http2_frames::number(one.second, 4);
    };
    if (number & 128) return send_frame(NGHTTP2_SETTINGS, number & 1, 0, {});
    add(settings[number % 16]);
    if (number & 16) add(settings[(number + 7) % 16]);
    if (number & 32) payload += "x";
    send_frame(NGHTTP2_SETTINGS, 0, 0, payload);
}

void Script::send_any_frame(std::size_t length) {
    const auto type = take_number(), flags = take_number(), stream = take_number();
    const auto id = stream & 128 ? recent_id(stream % 8) : static_cast<std::uint32_t>(stream);
    send_frame(static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(flags), id, take(length));
}

// Begins to hold what the client sends back, or sends it.
void Script::hold(std::size_t number) {
    piece_ = number / 2;
    holds_ = (number & 1) != 0;
    if (!holds_) deliver(std::exchange(held_, {}));
}

// The lowest five bits select the answer; the others the backend.
void Script::answer(std::size_t number) {
    auto* const from = backend(number / 32);
    if (!from) return;
    auto text = answers()[number % 32 % answers().size()];
    if (const auto at = text.find('$'); at != std::string::npos) text.replace(at, 1, accept_for(*from));
    memory_io::arrive(*from, text);
    run();
}

// The lowest two bits select what happens, the others the backend, or how much it reads.
void Script::disturb_backend(std::size_t number) {
    auto* const from = backend(number % 4 < 2 ? number / 4 % 8 : 0);
    if (number % 4 == 3) memory_io::fail_connects(number & 4 ? ECONNREFUSED : 0);
    if (!from) return;
    if (number % 4 == 0) memory_io::end(*from);
    else if (number % 4 == 1 && !from->ended) memory_io::reset(*from);
    else if (number % 4 == 2) from->window = number / 4;
    if (number == 2) memory_io::widen(*from, ~std::size_t{0});
    run();
}

// The lowest two bits select what happens, the others how much it reads.
void Script::disturb_client(std::size_t number) {
    if (number % 4 == 0) {
        memory_io::end(client_);
        disturbed_ = true;
    } else if (number % 4 == 1 && !client_.ended) { // not after an end, because weir could see either of the two
        memory_io::reset(client_);
        disturbed_ = true;
    } else if (number % 4 == 2) {
        client_.window = number / 4 * 16;
    } else {
        memory_io::widen(client_, number < 128 ? number : ~std::size_t{0});
    }
    run();
}

void Script::finish() {
    if (client_.window < ~std::size_t{0} / 2) {
        if (ending_ == Ending::reads_and_waits) memory_io::widen(client_, ~std::size_t{0});
        else disturbed_ = true;
    }
    if (ending_ == Ending::resets) memory_io::reset(client_);
    if (ending_ == Ending::ends) memory_io::end(client_);
    run();
    const bool is_gone = client_.ended || client_.reset;
    const int steps = is_gone ? 6 : 100; // a client that stays is given all its time limits, one after the other
    for (int i = 0; i < steps && bench_.clients.size() != 0; ++i) run(std::chrono::milliseconds(500));
}

} // namespace weir::http2_script
