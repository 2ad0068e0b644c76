#include "proxy/http/request_origin.h"

#include "proxy/http/forwarded.h"
#include "proxy/http/refused_request.h"

namespace weir::proxy::http {
namespace {

void name_client(RequestOrigin& origin, const std::optional<conf::Address>& named) {
    if (!named) return;
    origin.address = *named;
    origin.named_ip = conf::IpText(*named);
}

} // namespace

RequestOrigin find_origin(const RequestPeer& peer, const RequestHead& head, const conf::AddressBlocks& trusted) {
    RequestOrigin origin{peer.trust, peer.address, peer.ip};
    if (peer.trust == Trust::untrusted) return origin;
    const auto chain = read_client_chain(head, trusted);
    name_client(origin, chain.client());
    origin.is_known = chain.is_known();
    return origin;
}

RequestOrigin find_refused_origin(const RequestPeer& peer, std::string_view bytes, const conf::AddressBlocks& trusted) {
    RequestOrigin origin{peer.trust, peer.address, peer.ip};
    if (peer.trust == Trust::trusted) name_client(origin, find_refused_client(bytes, trusted));
    return origin;
}

} // namespace weir::proxy::http
