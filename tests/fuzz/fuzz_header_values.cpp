// Values of header fields that weir reads itself: credentials and ids of requests. What is accepted is written again
// and must be the same.
#include "proxy/auth/basic_credentials.h"
#include "proxy/http/request_ids.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>

#include <openssl/evp.h>

using namespace weir::proxy;

namespace {

std::string encode(const std::string& text) {
    std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
    ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
    out.pop_back();
    return out;
}

void check_credentials(std::string_view value) {
    const auto read = auth::parse_basic(value);
    if (!read) return;
    if (read->user.find(':') != std::string::npos) std::abort();
    const auto text = read->user + ":" + read->password;
    if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return std::iscntrl(c); })) std::abort();
    // The unused bits of the last digit may differ, so only what is written again must be stable.
    const auto again = auth::parse_basic("Basic " + encode(text));
    if (!again || !(*again == *read)) std::abort();
}

void check_ids(std::string_view value) {
    if (http::is_request_id(value) && value.find_first_of(" \"\\\r\n<>;") != std::string_view::npos) std::abort();
    if (!http::is_traceparent(value)) return;
    if (value.substr(0, 2) == "00" && value.size() != 55) std::abort();
    if (http::is_traceparent(value.substr(0, 54)) || value[2] != '-') std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view value(reinterpret_cast<const char*>(data), size);
    check_credentials(value);
    check_credentials("Basic " + std::string(value));
    check_credentials("Basic " + encode(std::string(value)));
    check_ids(value);
    return 0;
}
