#include "proxy/reload/membership.h"

#include "base/version.h"
#include "proxy/reload/runtime_sample.h"

#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr std::size_t longest_reason = 500; // bytes, in a heartbeat

// Returns the percentage of healthy backends among those that should serve.
std::uint32_t healthy_share(const HealthSample& sample) {
    PoolSample all;
    for (const auto& [_, pool] : sample) all.members += pool.members, all.sick += pool.sick;
    return static_cast<std::uint32_t>(all.healthy_percent());
}

lock::MemberState member_state(const ServingState& state) {
    if (state.is_stopping) return lock::MemberState::stopping;
    return state.is_watching ? lock::MemberState::watching : lock::MemberState::serving;
}

} // namespace

Membership::Membership(asio::io_context& control, const Runtime& runtime, const ServingState& state, StateStore& store)
    : runtime_(runtime), state_(state), store_(store), agent_(control, *this) {}

void Membership::on_version() {
    if (listener_ && takes_from_fleet()) listener_->on_pushed();
}

bool Membership::takes_from_fleet() const {
    return runtime_.snapshot() && runtime_.snapshot()->config.reload.source == conf::ConfigSource::fleet;
}

lock::FleetMember Membership::describe() const {
    lock::FleetMember self;
    self.version = version;
    self.fence = state_.in_force.fence;
    self.state = member_state(state_);
    self.pushed_version = applying_.number;
    self.takes_pushed = takes_from_fleet();
    self.refused = refused_.hash;
    self.reason = refused_.reason.substr(0, longest_reason);
    if (!runtime_.snapshot()) return self;
    self.hash = runtime_.snapshot()->hash;
    self.healthy = healthy_share(take_sample(runtime_));
    return self;
}

asio::awaitable<void> Membership::settle(const ReloadReport& report) {
    const auto pushed = applying_;
    const bool from_fleet = takes_from_fleet();
    refused_ = {};
    if (from_fleet && report.is_for_now()) co_return; // the fleet agent repeats it automatically
    if (!report.is_success()) refused_ = {report.hash, report.errors.empty() ? "" : report.errors.at(0)};
    if (from_fleet && pushed.number > 0) {
        agent_.settle(pushed);
        co_await store_.store_pushed(runtime_.snapshot()->config.reload.lock.fleet, pushed);
    }
    agent_.send_heartbeat_soon();
}

} // namespace weir::proxy
