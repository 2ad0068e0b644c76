#include "tls/client_hello.h"

#include "base/lower_case.h"

namespace weir::tls {
namespace {

// The extension is a list with one entry: the size of the list, the type 0, and the size of the name. A size has two
// bytes.
constexpr std::size_t prefix_size = 5, longest_name = 255;
constexpr unsigned char host_name = 0;

std::size_t read_size(const unsigned char* at) { return static_cast<std::size_t>(at[0] << 8 | at[1]); }

int name_index() {
    const auto free_it = [](void*, void* name, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::string*>(name);
    };
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_it);
    return index;
}

} // namespace

std::string read_server_name(std::string_view extension) {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(extension.data());
    const auto size = extension.size();
    if (size < prefix_size || read_size(bytes) != size - 2 || bytes[2] != host_name) return {};
    if (read_size(bytes + 3) != size - prefix_size || size - prefix_size > longest_name) return {};
    if (extension.find('\0', prefix_size) != std::string_view::npos) return {};
    auto name = lower_case(std::string(extension.substr(prefix_size)));
    if (name.ends_with('.')) name.pop_back();
    return name;
}

std::string server_name(SSL* session) {
    const unsigned char* bytes = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_server_name, &bytes, &size) != 1) return {};
    return read_server_name({reinterpret_cast<const char*>(bytes), size});
}

void keep_server_name(SSL* session, const std::string& name) {
    delete static_cast<std::string*>(SSL_get_ex_data(session, name_index()));
    SSL_set_ex_data(session, name_index(), new std::string(name));
}

std::string kept_server_name(const SSL* session) {
    const auto* const name = static_cast<std::string*>(SSL_get_ex_data(session, name_index()));
    return name ? *name : std::string();
}

} // namespace weir::tls
