// A ClientHello that is passed through: reading it whole and byte by byte gives the same result, and so does splitting
// it into other records.
#include "tls/client_hello_reader.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

using namespace weir::tls;

namespace {

std::pair<HelloStatus, std::string> read(std::string_view bytes, std::size_t piece) {
    ClientHelloReader reader;
    auto status = HelloStatus::incomplete;
    for (std::size_t have = 0; have < bytes.size() && status == HelloStatus::incomplete;) {
        have = piece < bytes.size() - have ? have + piece : bytes.size();
        status = reader.read(bytes.substr(0, have));
    }
    return {status, reader.name()};
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = read(bytes, bytes.size());
    if (read(bytes, 1) != whole || read(bytes, 7) != whole) std::abort();
    const auto& [status, name] = whole;
    if (status != HelloStatus::complete && !name.empty()) std::abort();
    if (name.size() > 255 || name.find('\0') != std::string::npos) std::abort();
    return 0;
}
