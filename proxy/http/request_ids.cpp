#include "proxy/http/request_ids.h"

#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

constexpr std::size_t longest_request_id = 128;

// Writes the lowest `digits` digits of a number in hexadecimal.
void put_hex(char* at, std::uint64_t number, int digits) {
    while (digits-- > 0) {
        at[digits] = "0123456789abcdef"[number & 15];
        number >>= 4;
    }
}

bool is_lower_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

std::chrono::milliseconds unix_now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

} // namespace

UuidText make_uuid_v7(std::chrono::milliseconds unix_time, std::uint64_t random_a, std::uint64_t random_b) {
    UuidText text;
    const auto time = static_cast<std::uint64_t>(unix_time.count());
    text[8] = text[13] = text[18] = text[23] = '-';
    put_hex(&text[0], time >> 16, 8);
    put_hex(&text[9], time, 4);
    put_hex(&text[14], 0x7000 | (random_a & 0xfff), 4);
    put_hex(&text[19], 0x8000 | (random_b >> 48 & 0x3fff), 4);
    put_hex(&text[24], random_b, 12);
    return text;
}

TraceparentText make_traceparent(const std::array<std::uint64_t, 2>& trace, std::uint64_t parent) {
    TraceparentText text;
    text[0] = text[1] = '0';
    text[2] = text[35] = text[52] = '-';
    put_hex(&text[3], trace[0], 16);
    put_hex(&text[19], trace[1] | 1, 16); // neither id may be 0
    put_hex(&text[36], parent | 1, 16);
    text[53] = '0', text[54] = '1';
    return text;
}

bool is_request_id(std::string_view text) {
    const auto is_allowed = [](char c) {
        return is_plain(c) || std::string_view("_.~+/=:@,").find(c) != std::string_view::npos;
    };
    return !text.empty() && text.size() <= longest_request_id && std::all_of(text.begin(), text.end(), is_allowed);
}

bool is_traceparent(std::string_view text) {
    if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
    const auto version = text.substr(0, 2), trace = text.substr(3, 32), parent = text.substr(36, 16);
    if (!is_lower_hex(version) || !is_lower_hex(trace) || !is_lower_hex(parent) || !is_lower_hex(text.substr(53, 2)))
        return false;
    if (version == "ff" || is_zero(trace) || is_zero(parent)) return false;
    return text.size() == 55 || (version != "00" && text[55] == '-');
}

void RequestIds::assign(const IncomingRequest& incoming, const RequestHead& head, Random& random) {
    const auto& listener = incoming.listener->config;
    const auto* route = incoming.route();
    if (listener.request_id || (route && route->uses_request_id)) {
        const auto told = incoming.origin.trust == Trust::trusted ? head.find_only("x-request-id") : std::string_view();
        request_ = told;
        if (!is_request_id(told)) {
            uuid_ = make_uuid_v7(unix_now(), random(), random());
            request_ = {uuid_.data(), uuid_.size()};
        }
    }
    if (!listener.traceparent) return;
    auto traceparent = head.find_only("traceparent");
    if (!is_traceparent(traceparent)) {
        traceparent_ = make_traceparent({random(), random()}, random());
        traceparent = new_traceparent_ = {traceparent_.data(), traceparent_.size()};
    }
    trace_ = traceparent.substr(3, 32);
}

} // namespace weir::proxy::http
