// The body of a health response of gRPC: what is accepted is accepted with fields that are not known, and in no other
// way. The texts of a grpc-status and a grpc-message are always legible.
#include "health/probes/grpc_health.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace weir::health;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

bool is_legible(const std::string& text) {
    return text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string prefixed(std::string_view message) {
    std::string out(1, '\0');
    for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(message.size() >> shift & 0xff);
    return out.append(message);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    require(is_legible(describe_grpc_status(bytes)));
    require(is_legible(decode_grpc_message(bytes)));
    const auto status = read_health_response(bytes);
    if (!status) return 0;
    const auto message = bytes.substr(5);
    require(prefixed(message) == bytes);
    require(!read_health_response(std::string(bytes) + '\0'));
    require(!read_health_response(bytes.substr(0, size - 1)));
    for (const std::string_view unknown : {"\x10\x07", "\x1a\x02\x08\x01"}) {
        require(*read_health_response(prefixed(std::string(message).append(unknown))) == *status);
        require(*read_health_response(prefixed(std::string(unknown).append(message))) == *status);
    }
    constexpr std::string_view serving = "\x08\x01";
    require(*read_health_response(prefixed(std::string(message).append(serving))) == ServingStatus::serving);
    require(is_legible(name_of(*status)));
    return 0;
}
