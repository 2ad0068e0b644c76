// Beats from untrusted senders: only a beat that is signed with the token is accepted, and only once.
//
// Thread: one.
// Lifetime: that of the process.
#include "proxy/runtime/heartbeat_receiver.h"
#include "tests/support/verdict_log.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace weir;
using namespace weir::proxy;

namespace {

struct Fixture : private AgentOverrideListener {
    Fixture() {
        auto pool = std::make_shared<PoolSpec>();
        pool->config.name = "web";
        auto state = std::make_shared<balancer::PoolState>(1, nullptr);
        pool->members.push_back({std::make_shared<balancer::Backend>("web", "b0", conf::Address(), 1, state), 0, 1,
                                 conf::AdminState::ready});
        Snapshot snapshot;
        snapshot.pools.push_back(std::move(pool));
        receiver.update(snapshot, nullptr, {{"web", token}});
    }

    const std::string token = "a token that is hard to guess";
    boost::asio::io_context context;
    tests::VerdictLog log;
    health::HealthChecker checker{context, log};
    HeartbeatReceiver receiver{clock_of(context), checker, *this};

private:
    void on_agent_override(const balancer::BackendPtr&, const Override&) override {}
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Fixture fixture;
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    const auto first = fixture.receiver.take(body);
    if (first.status == 200 && fixture.receiver.take(body).status != 409) std::abort(); // a replayed beat was accepted
    if (first.status != 200 && first.reason.empty()) std::abort();                      // refused without a reason
    return 0;
}
