// A PROXY header: parsing it whole and byte by byte gives the same result, and rewriting it preserves its addresses.
#include "proxy/proxy_protocol/proxy_protocol.h"

#include <cstdlib>
#include <string_view>

using namespace weir;
using namespace weir::proxy::tcp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = parse_proxy_header(bytes);
    ProxyHeader parts;
    for (std::size_t have = 0; have <= size && parts.status == ProxyHeaderStatus::incomplete; ++have)
        parts = parse_proxy_header(bytes.substr(0, have));
    if (parts.status != whole.status || parts.length != whole.length || parts.origin != whole.origin) std::abort();
    if (whole.status != ProxyHeaderStatus::complete) return 0;
    if (whole.length == 0 || whole.length > size || whole.length > longest_proxy_header) std::abort();
    if (whole.origin != ProxyOrigin::client) return 0;
    for (const auto version : {conf::ProxyProtocol::v1, conf::ProxyProtocol::v2}) {
        char out[longest_written_proxy_header];
        const auto again = parse_proxy_header({out, write_proxy_header(out, version, whole.source, whole.destination)});
        if (again.status != ProxyHeaderStatus::complete || again.source != whole.source ||
            again.destination != whole.destination)
            std::abort();
    }
    return 0;
}
