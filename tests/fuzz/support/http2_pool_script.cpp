#include "tests/fuzz/support/http2_pool_script.h"

#include "tests/fuzz/support/http2_frames.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <utility>

#include <nghttp2/nghttp2.h>

namespace weir::http2_pool_script {
namespace {

using http2_frames::number;
using Fields = http2_frames::Section;

constexpr std::size_t most_clients = 12;
constexpr std::size_t large_body = 40'000;

const std::vector<Fields>& sections() {
    const auto ok = [](Fields more) {
        more.insert(more.begin(), {":status", "200"});
        return more;
    };
    static const std::vector<Fields> all{
        ok({}),
        ok({{"content-length", "5"}}),
        ok({{"content-length", "0"}}),
        ok({{"content-length", "100"}, {"content-type", "a/b"}, {"set-cookie", "a=1"}, {"set-cookie", "b=2"}}),
        {{":status", "204"}},
        {{":status", "304"}, {"content-length", "9"}},
        {{":status", "100"}},
        {{":status", "103"}, {"link", "</x>"}},
        {{":status", "404"}, {"content-length", "5"}},
        {{":status", "500"}},
        {{"x-trailer", "1"}, {"grpc-status", "0"}},
        {{":status", "101"}},
        {{":status", "201"}, {":status", "200"}},
        {{"x", "1"}, {":status", "200"}},
        {{":status", "20"}},
        {{":status", "2000"}},
        {{":status", "999"}},
        {{":status", "099"}},
        ok({{"content-length", "5"}, {"content-length", "5"}}),
        ok({{"content-length", "5"}, {"content-length", "6"}}),
        ok({{"content-length", "-5"}}),
        ok({{"content-length", "18446744073709551621"}}),
        ok({{"transfer-encoding", "chunked"}}),
        ok({{"connection", "x-a"}, {"x-a", "1"}}),
        ok({{"X-Upper", "1"}}),
        ok({{"x", " blank"}}),
        ok({{"x", "a\r\nset-cookie: c=3"}}),
        ok({{"x", std::string("\0", 1)}}),
        ok({{"x y", "1"}}),
        ok({{"", "1"}}),
        ok({{":path", "/"}}),
        ok({{"te", "trailers"}}),
        ok({{"upgrade", "h2c"}}),
        ok({{"x-large", std::string(18'000, 'x')}}),
        ok(Fields(120, {"x", "y"})),
        ok({{"trailer", "x-trailer"}, {"sec-websocket-accept", "x"}, {"sec-websocket-protocol", "y"}}),
        {{"content-length", "7"}, {"x-trailer", "2"}},
        {{":status", "200"}, {"x-empty", ""}, {"x-tab", "a\tb"}, {"x-high", "\xff"}},
    };
    return all;
}

using Setting = std::pair<std::uint16_t, std::uint32_t>;

const std::vector<std::vector<Setting>>& settings() {
    constexpr std::uint32_t largest_window = 0x7fffffff;
    static const std::vector<std::vector<Setting>> all{
        {},
        {{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}},
        {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}},
        {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0}},
        {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2}, {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}},
        {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0xffffffff}},
        {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}},
        {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1}},
        {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000}},
        {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, largest_window}},
        {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, largest_window + 1}},
        {{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0}},
        {{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 100}, {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 65536}},
        {{NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1'000'000}},
        {{NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 16383}},
        {{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 0}},
        {{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 2}},
        {{NGHTTP2_SETTINGS_ENABLE_PUSH, 1}},
        {{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 10}},
        {{99, 1}, {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}},
    };
    return all;
}

struct Kind {
    std::string_view method, fields;
    std::size_t body;    // bytes
    std::size_t at_once; // of the body
    bool is_upgrade;
};

constexpr std::array<Kind, 11> kinds{{
    {"GET", "", 0, 0, false},
    {"HEAD", "", 0, 0, false},
    {"POST", "Content-Length: 5\r\n", 5, 5, false},
    {"POST", "Content-Length: 40000\r\n", large_body, large_body, false},
    {"GET",
     "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
     0, 0, true},
    {"GET", "TE: trailers\r\nConnection: TE, X-Gone\r\nX-Gone: 1\r\nCookie: a=1\r\n", 0, 0, false},
    {"POST", "Content-Length: 40000\r\n", large_body, 0, false}, // the body follows, or not
    {"POST", "Transfer-Encoding: chunked\r\nTrailer: X-End\r\n", 1, 1, false},
    {"PUT", "Content-Length: 5\r\n", 5, 5, false},
    {"DELETE", "", 0, 0, false},
    {"OPTIONS", "Authorization: Basic eA==\r\n", 0, 0, false},
}};
constexpr std::string_view chunks = "5\r\nhello\r\n0\r\nX-End: 1\r\n\r\n";

// A body that would be a response if weir read it as text.
constexpr std::string_view smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: smuggled\r\n\r\nhello";
static_assert(smuggled.size() < 95);

std::uint32_t id_of(std::size_t number) { return static_cast<std::uint32_t>(number % 8 * 2 + 1); }

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

// The lowest bit of the first byte: the clients stay at the end; the next: backends send no SETTINGS by themselves; the
// others: which they send.
void Script::play(std::string_view input) {
    input_ = input;
    mode_ = take_number();
    while (input_.size() >= 2) {
        const auto operation = take_number();
        act(operation, take_number());
    }
    if (std::exchange(holds_, false)) send(std::exchange(held_, {}));
}

void Script::act(std::size_t operation, std::size_t number) {
    constexpr std::size_t operations = 18;
    switch (operation % operations) {
    case 0: return ask(number);
    case 1: return send_head(number);
    case 2: return send_data(number);
    case 3: {
        constexpr std::array<std::uint32_t, 8> codes{0, 7, 1, 2, 8, 5, 11, 13};
        return send_frame(NGHTTP2_RST_STREAM, 0, id_of(number), http2_frames::number(codes[number / 8 % 8], 4));
    }
    case 4: {
        const auto last = number % 8 == 7 ? 0x7fffffff : number % 8 == 6 ? 0 : id_of(number);
        const auto code = static_cast<std::uint32_t>(number / 8 % 4);
        return send_frame(NGHTTP2_GOAWAY, 0, 0,
                          http2_frames::number(last, 4) + http2_frames::number(code, 4) +
                              std::string(number / 32, 'g'));
    }
    case 5: return send_settings(number);
    case 6: return send_window_update(number);
    case 7: return send_frame(NGHTTP2_PING, number & 1, 0, std::string(number & 2 ? 7 : 8, 'p'));
    case 8: return send_any_frame(number);
    case 9: return send(take(number));
    case 10: return disturb_backend(number);
    case 11: back_ = number % 8; return;
    case 12: return disturb_client(number);
    case 13: return run(std::chrono::milliseconds(number * 10));
    case 14: return send_response(number);
    case 15: return hold(number);
    case 16: return go_on_asking(number);
    default: return send_rest_of_section(number);
    }
}

void Script::run(std::chrono::milliseconds later) {
    memory_io::run(bench_.loop, later);
    greet_new();
    for (const int descriptor : memory_io::connected()) {
        const auto& wire = memory_io::wire(descriptor);
        progress_[descriptor].push_back({wire.sent.size(), wire.read});
    }
}

void Script::greet_new() {
    if (mode_ & 2) return;
    while (greeted_ < memory_io::connected().size()) {
        const auto& chosen = settings()[mode_ / 4 % settings().size()];
        std::string payload;
        for (const auto& [name, value] : chosen) payload += number(name, 2) + number(value, 4);
        auto& wire = memory_io::wire(memory_io::connected()[greeted_++]);
        const auto descriptor = memory_io::connected()[greeted_ - 1];
        progress_[descriptor].push_back({wire.sent.size(), wire.read});
        memory_io::arrive(wire, http2_frames::frame(NGHTTP2_SETTINGS, 0, 0, payload));
        memory_io::run(bench_.loop);
    }
}

memory_io::Wire* Script::backend() const {
    const auto& all = memory_io::connected();
    return back_ >= all.size() ? nullptr : &memory_io::wire(all[all.size() - 1 - back_]);
}

void Script::send(std::string_view bytes) {
    if (holds_) {
        held_ += bytes;
        return;
    }
    if (auto* const from = backend()) memory_io::arrive(*from, bytes);
    run();
}

void Script::send_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload) {
    send(http2_frames::frame(type, flags, id, payload));
}

void Script::ask(std::size_t number) {
    if (clients_.size() == most_clients) return;
    const auto& kind = kinds[number % kinds.size()];
    auto path = "/r" + std::to_string(clients_.size()) + "?q";
    auto head = std::string(kind.method) + " " + path + " HTTP/1.1\r\nHost: a\r\n" + std::string(kind.fields) + "\r\n";
    auto body = kind.body == 1 ? std::string(chunks) : std::string(kind.body, static_cast<char>('A' + clients_.size()));
    const auto sent = kind.body == 1 ? chunks.size() : kind.at_once;
    auto& wire = memory_io::wire(bench_.connect_client());
    const auto first = head + body.substr(0, sent);
    clients_.push_back({&wire, kind.method, std::move(path), std::move(head), std::move(body), kind.is_upgrade, sent});
    memory_io::arrive(wire, first);
    run();
}

// Then: the stream; END_STREAM; a CONTINUATION follows; padding.
void Script::send_head(std::size_t number) {
    const auto where = take_number();
    std::uint8_t flags = where & 8 ? NGHTTP2_FLAG_END_STREAM : 0;
    const auto block = http2_frames::encode(sections()[number % sections().size()]);
    const auto first = where & 16 ? block.size() / 2 : std::min(block.size(), http2_frames::largest_frame - 10);
    section_ = block.substr(first);
    section_id_ = id_of(where);
    if (!(where & 16) && section_.empty()) flags |= NGHTTP2_FLAG_END_HEADERS;
    auto payload = block.substr(0, first);
    if (where & 32) {
        flags |= NGHTTP2_FLAG_PADDED;
        payload = '\3' + payload + std::string(3, '\0');
    }
    send_frame(NGHTTP2_HEADERS, flags, section_id_, payload);
    if (!(where & 16) && !section_.empty()) send_rest_of_section(0);
}

void Script::send_rest_of_section(std::size_t number) {
    const auto size = number % 8 == 7 ? section_.size() / 2 : section_.size();
    const std::uint8_t flags = number % 8 == 7 ? 0 : NGHTTP2_FLAG_END_HEADERS;
    send_frame(NGHTTP2_CONTINUATION, flags, section_id_, section_.substr(0, size));
    section_.erase(0, size);
}

// The lowest three bits select the stream; the others: END_STREAM, padding, size.
void Script::send_data(std::size_t number) {
    constexpr std::array<std::size_t, 8> sizes{0, 1, 5, 95, 100, 4000, 16000, 16384};
    std::uint8_t flags = number & 8 ? NGHTTP2_FLAG_END_STREAM : 0;
    const auto size = sizes[number / 32];
    std::string payload(size, static_cast<char>('a' + number % 26));
    if (size == 100) payload.replace(0, smuggled.size(), smuggled);
    if ((number & 16) && size < sizes.back()) {
        flags |= NGHTTP2_FLAG_PADDED;
        payload = '\5' + payload + std::string(5, '\0');
    }
    send_frame(NGHTTP2_DATA, flags, id_of(number), payload);
}

// A usual response on the stream; the higher bits select its form.
void Script::send_response(std::size_t number) {
    const auto id = id_of(number);
    const auto form = number / 8 % 4;
    const auto interim = http2_frames::encode({{":status", "103"}});
    const auto head = form == 0 ? http2_frames::encode({{":status", "200"}, {"content-length", "5"}})
                                : http2_frames::encode({{":status", "200"}});
    if (number & 64) send_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, interim);
    send_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, head);
    send_frame(NGHTTP2_DATA, form == 1 || form == 0 ? NGHTTP2_FLAG_END_STREAM : 0, id, "hello");
    if (form == 2)
        send_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id,
                   http2_frames::encode({{"x-trailer", "1"}}));
    if (form == 3) send_frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, {});
}

void Script::send_settings(std::size_t number) {
    if (number & 128) return send_frame(NGHTTP2_SETTINGS, number & 1, 0, std::string(number & 2 ? 5 : 0, 's'));
    std::string payload;
    for (const auto& [name, value] : settings()[number % settings().size()])
        payload += http2_frames::number(name, 2) + http2_frames::number(value, 4);
    send_frame(NGHTTP2_SETTINGS, 0, 0, payload);
}

void Script::send_window_update(std::size_t number) {
    constexpr std::array<std::uint32_t, 8> sizes{1, 100, 16384, 65535, 1'000'000, 0, 0x7fffffff, 0xffffffff};
    const auto id = number % 8 == 7 ? 0 : id_of(number);
    send_frame(NGHTTP2_WINDOW_UPDATE, 0, id, http2_frames::number(sizes[number / 8 % 8], 4));
}

void Script::send_any_frame(std::size_t length) {
    const auto type = take_number(), flags = take_number(), id = take_number();
    send_frame(static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(flags), static_cast<std::uint32_t>(id),
               take(length));
}

// Begins to hold what backends send back, or sends it.
void Script::hold(std::size_t number) {
    holds_ = (number & 1) != 0;
    if (!holds_) send(std::exchange(held_, {}));
}

// The lowest two bits select what happens, the others how much it reads.
void Script::disturb_backend(std::size_t number) {
    if (number % 4 == 3) memory_io::fail_connects(number & 4 ? ECONNREFUSED : 0);
    auto* const from = backend();
    if (!from) return;
    if (number % 4 == 0) memory_io::end(*from);
    else if (number % 4 == 1 && !from->ended) memory_io::reset(*from);
    else if (number % 4 == 2) from->window = number / 4 * 16;
    has_stalled_ |= number % 4 == 2;
    if (number == 2) memory_io::widen(*from, ~std::size_t{0});
    run();
}

// The lowest two bits select what happens, the others the client.
void Script::disturb_client(std::size_t number) {
    if (clients_.empty()) return;
    auto& client = clients_[number / 4 % clients_.size()];
    auto& wire = *client.wire;
    if (number % 4 == 0) memory_io::end(wire);
    else if (number % 4 == 1 && !wire.ended) memory_io::reset(wire); // not after an end: weir could see either
    else if (number % 4 == 2) wire.window = 100;
    else memory_io::widen(wire, number & 128 ? 1000 : ~std::size_t{0});
    client.is_disturbed = true;
    run();
}

// A client sends more of its body, or bytes for its tunnel.
void Script::go_on_asking(std::size_t number) {
    if (clients_.empty()) return;
    auto& client = clients_[number % 16 % clients_.size()];
    const auto size = (number / 16 + 1) * 3000;
    if (client.is_upgrade) {
        const std::string bytes(size, 't');
        if (!client.wire->ended && !client.wire->reset) client.tunneled += bytes;
        memory_io::arrive(*client.wire, bytes);
    } else if (client.sent < client.body.size()) {
        const auto more = client.body.substr(client.sent, size);
        client.sent += more.size();
        memory_io::arrive(*client.wire, more);
    }
    run();
}

void Script::finish() {
    for (const auto& client : clients_) {
        if (!(mode_ & 1)) memory_io::reset(*client.wire);
        else if (client.wire->window < ~std::size_t{0} / 2) memory_io::widen(*client.wire, ~std::size_t{0});
    }
    run();
    constexpr int steps = 200; // clients that stay are given all their time limits, one after the other
    for (int i = 0; i < steps && bench_.clients.size() != 0; ++i) run(std::chrono::milliseconds(500));
    bench_.forget_idle();
    // A backend that does not read keeps its connection until it has not answered a PING.
    constexpr auto longest = std::chrono::seconds(60);
    for (auto waited = std::chrono::seconds(0); waited < longest; waited += std::chrono::seconds(5))
        run(std::chrono::seconds(5));
}

} // namespace weir::http2_pool_script
