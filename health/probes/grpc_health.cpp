#include "health/probes/grpc_health.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace weir::health {
namespace {

constexpr std::size_t prefix_size = 5; // a flag, and the length of the message in four bytes
constexpr std::size_t max_text = 128;  // of what a server says, in a description
constexpr unsigned status_field = 1, service_field = 1;

// How the value of a field is encoded (its wire type).
enum class WireType : unsigned { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void append_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
}

unsigned tag_of(unsigned field, WireType type) { return field << 3 | static_cast<unsigned>(type); }

// Takes an integer off the front; unset if it is cut off or longer than 64 bits.
std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && !bytes.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        if (shift == 63 && byte > 1) return std::nullopt;
        value |= std::uint64_t{byte & 0x7fU} << shift;
        if (byte < 0x80) return value;
    }
    return std::nullopt;
}

// Skips the value of a field; returns false if it is cut off, or of a type that is not known.
bool skip_value(std::string_view& bytes, unsigned type) {
    std::uint64_t size = 0;
    switch (static_cast<WireType>(type)) {
    case WireType::varint: return take_varint(bytes).has_value();
    case WireType::fixed64: size = 8; break;
    case WireType::fixed32: size = 4; break;
    case WireType::bytes: {
        const auto length = take_varint(bytes);
        if (!length) return false;
        size = *length;
        break;
    }
    default: return false;
    }
    if (size > bytes.size()) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
    return true;
}

// Returns the status of a HealthCheckResponse; unset if the message is malformed.
std::optional<ServingStatus> read_message(std::string_view bytes) {
    auto status = ServingStatus::unknown; // a field that is left out has its default
    while (!bytes.empty()) {
        const auto tag = take_varint(bytes);
        if (!tag || *tag > 0xffffffff || *tag >> 3 == 0) return std::nullopt;
        if (*tag == tag_of(status_field, WireType::varint)) {
            const auto value = take_varint(bytes);
            if (!value) return std::nullopt;
            status = static_cast<ServingStatus>(static_cast<std::int32_t>(*value)); // the last one counts
        } else if (!skip_value(bytes, static_cast<unsigned>(*tag & 7))) {
            return std::nullopt;
        }
    }
    return status;
}

constexpr std::array<std::string_view, 17> status_names{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// Returns the value of a hexadecimal digit; unset for other characters.
std::optional<unsigned> hex_digit(char c) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(&c, &c + 1, value, 16);
    if (error != std::errc()) return std::nullopt;
    return value;
}

std::string legible(std::string_view text) {
    std::string out(text.substr(0, max_text));
    std::replace_if(
        out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
    return out;
}

} // namespace

std::string encode_health_request(std::string_view service) {
    std::string message;
    if (!service.empty()) {
        append_varint(message, tag_of(service_field, WireType::bytes));
        append_varint(message, service.size());
        message += service;
    }
    std::string out(1, '\0'); // not compressed
    for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(message.size() >> shift & 0xff);
    return out + message;
}

Result<ServingStatus> read_health_response(std::string_view body) {
    if (body.empty()) return Error("the response has no message");
    if (body.size() < prefix_size) return Error("the message is cut off");
    if (body[0] == 1) return Error("the message is compressed, which weir has not asked for");
    if (body[0] != 0) return Error("the message is malformed");
    std::uint32_t size = 0;
    for (const char byte : body.substr(1, 4)) size = size << 8 | static_cast<unsigned char>(byte);
    body.remove_prefix(prefix_size);
    if (body.size() < size) return Error("the message is cut off");
    if (body.size() > size) return Error("the response has more than one message");
    const auto status = read_message(body);
    if (!status) return Error("the message is malformed");
    return *status;
}

std::string name_of(ServingStatus status) {
    switch (status) {
    case ServingStatus::unknown: return "UNKNOWN";
    case ServingStatus::serving: return "SERVING";
    case ServingStatus::not_serving: return "NOT_SERVING";
    case ServingStatus::service_unknown: return "SERVICE_UNKNOWN";
    }
    return "status " + std::to_string(static_cast<std::int32_t>(status));
}

std::string describe_grpc_status(std::string_view value) {
    unsigned code = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), code);
    const bool is_known = error == std::errc() && end == value.data() + value.size() && code < status_names.size();
    if (!is_known) return legible(value);
    return std::to_string(code) + " " + std::string(status_names[code]);
}

std::string decode_grpc_message(std::string_view value) {
    std::string out;
    for (std::size_t i = 0; i < value.size() && out.size() < max_text; ++i) {
        const auto high = value[i] == '%' && i + 2 < value.size() ? hex_digit(value[i + 1]) : std::nullopt;
        const auto low = high ? hex_digit(value[i + 2]) : std::nullopt;
        out += low ? static_cast<char>(*high << 4 | *low) : value[i];
        if (low) i += 2;
    }
    return legible(out);
}

std::string grpc_timeout(conf::Duration timeout) {
    constexpr std::int64_t most = 99'999'999;
    const auto milliseconds = std::max<std::int64_t>(timeout.count(), 1);
    if (milliseconds <= most) return std::to_string(milliseconds) + "m";
    return std::to_string(std::min(milliseconds / 1000, most)) + "S";
}

bool is_grpc_type(std::string_view content_type) {
    constexpr std::string_view grpc = "application/grpc";
    if (!content_type.starts_with(grpc)) return false;
    content_type.remove_prefix(grpc.size());
    return content_type.empty() || content_type.front() == '+' || content_type.front() == ';';
}

} // namespace weir::health
