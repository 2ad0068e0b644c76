// Beats from untrusted senders: only a beat that is signed with the token is accepted, and only once.
//
// Thread: one.
// Lifetime: that of the process.
#include "proxy/runtime/heartbeat_receiver.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace weir;
using namespace weir::proxy;

namespace {

struct Desk {
    Desk() {
        auto pool = std::make_shared<PoolSpec>();
        pool->config.name = "web";
        auto state = std::make_shared<balancer::PoolState>(1, nullptr);
        pool->members.push_back({std::make_shared<balancer::Backend>("web", "b0", conf::Address(), 1, state), 0, 1,
                                 conf::AdminState::ready});
        Snapshot snapshot;
        snapshot.pools.push_back(std::move(pool));
        desk.update(snapshot, nullptr, {{"web", token}});
    }

    const std::string token = "a token that nobody guesses";
    boost::asio::io_context context;
    health::HealthChecker monitor{context, [](const auto&, auto, const auto&) {}};
    HeartbeatReceiver desk{monitor, [](const auto&, const auto&) {}};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Desk desk;
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    const auto first = desk.desk.take(body);
    if (first.status == 200 && desk.desk.take(body).status != 409) std::abort(); // a replayed beat was accepted
    if (first.status != 200 && first.why.empty()) std::abort();                  // refused without a reason
    return 0;
}
