#include "tls/client_hello.h"

#include "base/lower_case.h"

namespace weir::tls {
namespace {

// The extension is a list with one entry: the size of the list, the type 0, and the size of the name. A size has two
// bytes.
constexpr std::size_t prefix_size = 5, longest_name = 255;
constexpr unsigned char host_name = 0;

std::size_t read_size(const unsigned char* at) { return static_cast<std::size_t>(at[0] << 8 | at[1]); }

} // namespace

std::string server_name(SSL* session) {
    const unsigned char* bytes = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_server_name, &bytes, &size) != 1) return {};
    if (size < prefix_size || read_size(bytes) != size - 2 || bytes[2] != host_name) return {};
    const auto length = read_size(bytes + 3);
    if (length != size - prefix_size || length > longest_name) return {};
    auto name = lower_case({reinterpret_cast<const char*>(bytes) + prefix_size, length});
    if (name.ends_with('.')) name.pop_back();
    return name;
}

} // namespace weir::tls
