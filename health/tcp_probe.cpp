#include "health/tcp_probe.h"

namespace weir::health {

boost::asio::awaitable<ProbeResult> TcpProbe::talk(Socket&, const conf::Address&) {
    co_return ProbeResult{ProbeOutcome::passed, ""}; // it is connected
}

} // namespace weir::health
