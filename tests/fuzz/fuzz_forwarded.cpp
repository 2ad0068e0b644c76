// A chain of forwarded addresses: an address that a proxy appends is always found, whatever precedes it, and reading a
// chain in two fields gives the same result as reading it in one.
#include "proxy/http/forwarded.h"

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

using namespace weir;
using namespace weir::proxy::http;

namespace {

const conf::AddressBlocks& trusted() {
    static const conf::AddressBlocks blocks(std::vector{*conf::Cidr::parse("10.0.0.0/8")});
    return blocks;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto node = parse_node(bytes);
    if (node.is_set() && parse_node(node.ip_text()).ip_text() != node.ip_text()) std::abort();

    const std::string appended = std::string(bytes) + ", 203.0.113.9";
    ClientChain one(trusted()), two(trusted()), forwarded(trusted());
    one.add_forwarded_for(appended);
    if (!one.client() || one.client()->ip_text() != "203.0.113.9") std::abort();
    two.add_forwarded_for(bytes);
    const auto before = two.client();
    two.add_forwarded_for("10.0.0.7");
    if (two.client() != (before ? before : parse_node("10.0.0.7"))) std::abort();

    // A malformed element hides the elements after it; then no address is trusted.
    forwarded.add_forwarded(std::string(bytes) + ", for=203.0.113.9");
    if (forwarded.client() && forwarded.client()->ip_text() != "203.0.113.9") std::abort();
    forwarded.add_forwarded("for=203.0.113.8");
    if (!forwarded.client() || forwarded.client()->ip_text() != "203.0.113.8") std::abort();
    return 0;
}
