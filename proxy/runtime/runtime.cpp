#include "proxy/runtime/runtime.h"

#include "proxy/log/logger.h"
#include "proxy/snapshot/override_fates.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace weir::proxy {

std::size_t Runtime::worker_count(const conf::Process& process) {
    return process.workers.count ? process.workers.count : std::max(1u, std::thread::hardware_concurrency());
}

namespace {

std::vector<conf::Address> addresses_of(const conf::Config& config) {
    std::vector<conf::Address> addresses;
    for (const auto& listener : config.listeners) addresses.push_back(listener.address);
    return addresses;
}

// Returns one problem for each listener that could not be bound, with advice.
std::vector<conf::Problem> bind_problems(const std::vector<ListenSockets::Prepared::Failure>& failures,
                                         const conf::Config& config) {
    std::vector<conf::Problem> errors;
    for (const auto& [address, error] : failures)
        for (const auto& listener : config.listeners) {
            if (listener.address != address) continue;
            auto text = "cannot bind " + address.text() + ": " + std::strerror(error);
            if (error == EADDRINUSE) text += " (stop the process that uses it, or choose another port)";
            if (error == EACCES) text += " (run as root, or grant CAP_NET_BIND_SERVICE)";
            errors.push_back({"listeners." + listener.name + ".address", std::move(text)});
        }
    return errors;
}

// Returns the configured address of the backend with this name, which may be one of several resolved from a host name.
std::optional<conf::BackendAddress> address_of(const Snapshot& snapshot, const std::string& pool,
                                               const std::string& name) {
    for (const auto& p : snapshot.pools) {
        if (p->config.name != pool) continue;
        for (const auto& member : p->members)
            if (member.backend->name() == name || p->config_of(member).name == name)
                return p->config_of(member).address;
    }
    return std::nullopt;
}

boost::asio::awaitable<void> run_later(AsyncMutex& mutex, std::function<boost::asio::awaitable<void>()> work) {
    const auto pass = co_await mutex.enter();
    co_await work();
}

// Returns the configured address of the backend with this name if its pool uses heartbeats.
std::optional<conf::BackendAddress> heartbeat_address(const conf::Config& config, const std::string& pool,
                                                      const std::string& name) {
    for (const auto& p : config.pools) {
        if (p.name != pool || !p.health_check || p.health_check->mode != conf::CheckMode::push) continue;
        for (const auto& backend : p.backends)
            if (backend.name == name) return backend.address;
    }
    return std::nullopt;
}

} // namespace

Runtime::Runtime(boost::asio::io_context& control, const conf::Process& process)
    : control_(control), counters_(worker_count(process)), access_log_(counters_.size()), sockets_(counters_.size()),
      builder_(counters_.size(), [this](std::size_t worker, auto work) { workers_.run_on(worker, std::move(work)); }),
      names_(control, [this] { rebuild_soon(); }), mutex_(control.get_executor()),
      health_(control, [this](const auto& backend) { on_out(backend); }),
      beats_(health_.monitor(),
             [this](const auto& backend, const auto& agent_override) { on_agent_override(backend, agent_override); }),
      workers_(control, counters_.size(), process.max_connections, access_log_, counters_,
               [this](const auto& backend) { health_.report(backend); }),
      reaper_(
          control, [this](const auto& backend) { workers_.cut(backend); },
          [this](const auto& path) { workers_.cut(path); }) {}

Runtime::~Runtime() { stop(); }

void Runtime::stop() {
    names_.stop();
    health_.stop();
    workers_.stop();
}

boost::asio::awaitable<std::vector<conf::Problem>> Runtime::find_names(const conf::Config& config) {
    co_return co_await names_.find(config, Unresolved::refused);
}

boost::asio::awaitable<std::vector<conf::Problem>> Runtime::find_obstacles(const conf::Config& config) {
    auto problems = co_await names_.try_to_find(config);
    const auto prepared = sockets_.prepare(addresses_of(config)); // closed again when this function returns
    for (auto& problem : bind_problems(prepared.failures, config)) problems.push_back(std::move(problem));
    read_heartbeat_tokens(config, problems);
    const auto& output = config.logging.access.output;
    if (output != snapshot_->config.logging.access.output)
        if (const auto can_open = log::check_output(output); !can_open)
            problems.push_back({"logging.access.output", can_open.error().message()});
    co_return problems;
}

// Everything that can fail comes before `commit`; nothing after it can fail.
boost::asio::awaitable<std::vector<conf::Problem>> Runtime::apply(conf::Config config, std::string hash) {
    // A new process that takes over must not lose backends that the old one still serves, so it refuses instead.
    const bool is_start = !snapshot_ && sockets_.unused().empty();
    const auto unresolved = is_start ? Unresolved::retried : Unresolved::refused;
    const auto unknown = co_await names_.find(config, unresolved); // outside the mutex, because it may take seconds
    const auto pass = co_await mutex_.enter();
    auto prepared = sockets_.prepare(addresses_of(config));
    auto errors = bind_problems(prepared.failures, config);
    auto tokens = read_heartbeat_tokens(config, errors);
    errors.insert(errors.end(), unknown.begin(), unknown.end());
    const auto& access = config.logging.access;
    const bool same_output = snapshot_ && snapshot_->config.logging.access.output == access.output;
    log::AccessLog::Output output;
    if (errors.empty() && !same_output)
        if (const auto opened = output.open(access.output); !opened)
            errors.push_back({"logging.access.output", opened.error().message()});
    if (errors.empty()) {
        ListenSockets::listen(prepared);
        errors = bind_problems(prepared.failures, config);
    }
    if (!errors.empty()) {
        health_.forget_inherited();
        if (snapshot_) names_.watch({&snapshot_->config});
        co_return errors;
    }
    for (const auto& address : sockets_.unused()) unused_.push_back(address.text());
    log::configure_logger(config.logging);
    if (!same_output) access_log_.use(std::move(output));
    sockets_.commit(std::move(prepared));
    forget_agent_overrides(config);
    follow_renames(overrides_.operator_overrides, snapshot_ ? pool_names(snapshot_->config) : PoolNames(), config);
    if (!snapshot_) drop_ended(overrides_.operator_overrides, config); // inherited from an old process
    beats_.hold_agent_overrides();
    auto next = builder_.build(std::move(config), std::move(hash), {overrides_, names_.addresses()}, snapshot_);
    health_.take_inherited(*next);
    co_await adopt(std::move(next));
    beats_.update(*snapshot_, health_.standby(), std::move(tokens));
    const auto* standby = health_.standby() ? &health_.standby()->config : nullptr;
    names_.watch({&snapshot_->config, standby});
    co_return errors;
}

boost::asio::awaitable<void> Runtime::adopt(SnapshotPtr next) {
    co_await workers_.adopt(next, sockets_);
    const auto before = std::exchange(snapshot_, std::move(next));
    health_.update(*snapshot_);
    reaper_.update(before, snapshot_);
    if (before) close_tunnels_now(*before);
    builder_.prune();
}

boost::asio::awaitable<bool> Runtime::set_override(std::string pool, std::string backend,
                                                   std::function<void(Override&)> edit) {
    const auto pass = co_await mutex_.enter();
    const auto address = address_of(*snapshot_, pool, backend);
    auto change = overrides_.operator_overrides.find(pool, backend);
    const bool left = !address && !change.is_empty(); // of the canary's configuration, which may be rolled back
    if (address && !change.belongs_to(*address)) change = {};
    edit(change);
    if (!address && !(left && change.is_empty())) co_return false;
    if (address) change.address = *address;
    overrides_.operator_overrides.set(pool, backend, change);
    co_await rebuild();
    co_return true;
}

// The caller holds `mutex_`.
boost::asio::awaitable<void> Runtime::rebuild() {
    auto next = builder_.build(snapshot_->config, snapshot_->hash, {overrides_, names_.addresses()}, snapshot_);
    co_await adopt(std::move(next));
}

// Concurrent requests are joined: one rebuild serves them all.
void Runtime::rebuild_soon() {
    if (std::exchange(rebuild_asked_, true)) return;
    boost::asio::co_spawn(control_,
                          run_later(mutex_,
                                    [this] {
                                        rebuild_asked_ = false;
                                        return rebuild();
                                    }),
                          log::log_exception);
}

// Closes tunnels to backends that are already down, in pools that close tunnels from this change on.
void Runtime::close_tunnels_now(const Snapshot& before) {
    for (const auto& pool : snapshot_->pools) {
        if (pool->config.on_down != conf::OnDown::close) continue;
        const auto old = std::find_if(before.pools.begin(), before.pools.end(),
                                      [&](const auto& p) { return p->config.name == pool->config.name; });
        if (old == before.pools.end() || (*old)->config.on_down == conf::OnDown::close) continue;
        for (const auto& member : pool->members)
            if (member.backend->is_sick()) workers_.cut_tunnels_to(member.backend);
    }
}

// Called when a backend goes down or is ejected.
void Runtime::on_out(const balancer::BackendPtr& backend) {
    workers_.close_idle_to(backend);
    for (const auto& snapshot : {snapshot_, health_.standby()}) {
        if (!snapshot) continue;
        const auto& pools = snapshot->pools;
        const auto pool =
            std::find_if(pools.begin(), pools.end(), [&](const auto& p) { return p->config.name == backend->pool(); });
        if (pool == pools.end()) continue; // it may have left the configuration and be watched as standby
        if ((*pool)->config.on_down == conf::OnDown::close) workers_.cut_tunnels_to(backend);
        return;
    }
}

// An agent override belongs to one backend: it ends with that backend, even if another takes over its name.
void Runtime::forget_agent_overrides(const conf::Config& next) {
    const auto all = overrides_.agent_overrides.all();
    for (const auto& [key, _] : all) {
        const bool first = !snapshot_; // state inherited from another process
        const auto now = heartbeat_address(next, key.first, key.second);
        const auto before = first ? now : heartbeat_address(snapshot_->config, key.first, key.second);
        if (!now || before != now) overrides_.agent_overrides.set(key.first, key.second, {});
    }
}

void Runtime::end_overrides() {
    for (const auto& fate : drop_ended(overrides_.operator_overrides, snapshot_->config))
        spdlog::info("{}", fate.text());
}

void Runtime::on_agent_override(const balancer::BackendPtr& backend, const Override& agent_override) {
    if (overrides_.agent_overrides.find(backend->pool(), backend->name()) == agent_override) return;
    overrides_.agent_overrides.set(backend->pool(), backend->name(), agent_override);
    spdlog::info("backend {}/{} requests state {} and weight {} in its heartbeats", backend->pool(), backend->name(),
                 agent_override.state ? "drain" : "ready",
                 agent_override.weight ? std::to_string(*agent_override.weight) : "as configured");
    rebuild_soon();
}

void Runtime::stand_by(SnapshotPtr previous) {
    const bool ends = !previous && health_.standby();
    health_.stand_by(std::move(previous), *snapshot_);
    if (!ends) return;
    beats_.forget_standby(*snapshot_);
    names_.watch({&snapshot_->config});
}

void Runtime::inherit(HotRestartState handover) {
    sockets_.inherit(std::move(handover.listeners));
    health_.inherit(std::move(handover.health));
    for (const auto& note : handover.operator_overrides)
        overrides_.operator_overrides.set(note.pool, note.name, note.change);
    for (const auto& note : handover.agent_overrides) overrides_.agent_overrides.set(note.pool, note.name, note.change);
}

HotRestartState Runtime::hand_over() const {
    HotRestartState handover;
    handover.config_hash = snapshot_->hash;
    handover.listeners = sockets_.all();
    handover.health = health_.notes(*snapshot_);
    for (const auto& [key, change] : overrides_.operator_overrides.all())
        handover.operator_overrides.push_back({key.first, key.second, change});
    for (const auto& [key, change] : overrides_.agent_overrides.all())
        handover.agent_overrides.push_back({key.first, key.second, change});
    return handover;
}

} // namespace weir::proxy
