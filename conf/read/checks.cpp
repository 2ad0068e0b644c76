#include "conf/read/checks.h"

#include "conf/base/suggest.h"

#include <algorithm>

namespace weir::conf {

void Checks::fail(const std::string& path, std::string reason) {
    context_.fail(find_place(context_.positions, path), path, std::move(reason));
}

void Checks::name(const std::string& path, const std::string& name) {
    const auto legal = [](unsigned char c) {
        return std::isalnum(c) || std::string_view("-_.:[]").find(static_cast<char>(c)) != std::string_view::npos;
    };
    if (name.empty() || name.size() > 128 || !std::all_of(name.begin(), name.end(), legal))
        fail(path, "a name has 1 to 128 letters, digits, '-', '_', '.' or ':'");
}

bool Checks::header_name(const std::string& path, std::string_view name) {
    const auto legal = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
    if (!name.empty() && std::all_of(name.begin(), name.end(), legal)) return true;
    fail(path, "\"" + std::string(name) + "\" is not a header name");
    return false;
}

void Checks::host(const std::string& path, std::string_view host) {
    const auto name = host.starts_with("*.") ? host.substr(2) : host;
    const auto legal = [](unsigned char c) {
        return (std::isalnum(c) && !std::isupper(c)) || c == '-' || c == '.' || c == '_' || c == '[' || c == ']' ||
               c == ':';
    };
    if (name.empty() || name.front() == '.' || !std::all_of(name.begin(), name.end(), legal))
        fail(path, "\"" + std::string(host) +
                       "\" is not a host: write a name in lower case without a port, or *.example.com");
}

void Checks::authority(const std::string& path, std::string_view authority) {
    const auto legal = [](unsigned char c) {
        return std::isalnum(c) || std::string_view("-._:[]").find(static_cast<char>(c)) != std::string_view::npos;
    };
    if (authority.empty() || authority.front() == ':' || !std::all_of(authority.begin(), authority.end(), legal))
        fail(path, "\"" + std::string(authority) + "\" is not a host: write a name or an IP address, or HOST:PORT");
}

void Checks::dns_name(const std::string& path, std::string_view name) {
    const auto legal = [](unsigned char c) {
        return std::islower(c) || std::isdigit(c) || c == '-' || c == '_' || c == '.';
    };
    bool valid = !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), legal);
    for (std::size_t from = 0; valid && from <= name.size();) {
        const auto end = std::min(name.find('.', from), name.size());
        valid = end > from && end - from <= 63;
        from = end + 1;
    }
    if (!valid)
        fail(path,
             "\"" + std::string(name.substr(0, 60)) +
                 "\" is not a DNS name: write labels of letters, digits and hyphens in lower case, without a port");
}

void Checks::known(const std::string& path, const char* what, const std::string& name,
                   const std::vector<std::string_view>& known) {
    if (std::find(known.begin(), known.end(), name) == known.end())
        fail(path, std::string("unknown ") + what + " \"" + name + "\"" + did_you_mean(name, known));
}

} // namespace weir::conf
