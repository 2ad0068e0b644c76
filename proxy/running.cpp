#include "proxy/running.h"

#include "proxy/log/logger.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace weir::proxy {

std::size_t Running::worker_count(const conf::Process& process) {
    return process.workers.count ? process.workers.count : std::max(1u, std::thread::hardware_concurrency());
}

namespace {

// Which listener could not be had, why, and what helps.
std::vector<conf::Problem> told(const std::vector<ListenSockets::Prepared::Failure>& failures,
                                const conf::Config& config) {
    std::vector<conf::Problem> errors;
    for (const auto& [address, error] : failures)
        for (const auto& listener : config.listeners) {
            if (listener.address != address) continue;
            auto why = "cannot listen on " + address.text() + ": " + std::strerror(error);
            if (error == EADDRINUSE) why += "; stop what listens there, or choose another port";
            if (error == EACCES) why += "; ports below 1024 need CAP_NET_BIND_SERVICE";
            errors.push_back({"listeners." + listener.name + ".address", std::move(why)});
        }
    return errors;
}

// Whether the pool has a backend of this name, or one whose name stands for several addresses.
bool has_backend(const PoolSpec& pool, const std::string& name) {
    return std::any_of(pool.members.begin(), pool.members.end(), [&](const auto& member) {
        return member.backend->name() == name || pool.config_of(member).name == name;
    });
}

boost::asio::awaitable<void> run_later(Turnstile& turnstile, std::function<boost::asio::awaitable<void>()> work) {
    const auto pass = co_await turnstile.enter();
    co_await work();
}

// Where a backend of this name is, if it is one that sends beats.
std::optional<conf::BackendAddress> address_of_beater(const conf::Config& config, const std::string& pool,
                                                      const std::string& name) {
    for (const auto& p : config.pools) {
        if (p.name != pool || !p.health_check || p.health_check->mode != conf::CheckMode::push) continue;
        for (const auto& backend : p.backends)
            if (backend.name == name) return backend.address;
    }
    return std::nullopt;
}

} // namespace

Running::Running(boost::asio::io_context& control, const conf::Process& process)
    : control_(control), counters_(worker_count(process)), access_log_(counters_.size()), sockets_(counters_.size()),
      builder_(counters_.size(), [this](std::size_t worker, auto work) { workers_.run_on(worker, std::move(work)); }),
      names_(control, [this] { rebuild_soon(); }), turnstile_(control),
      health_(control, [this](const auto& backend) { workers_.close_idle_to(backend); }),
      beats_(health_.monitor(), [this](const auto& backend, const auto& wish) { on_wish(backend, wish); }),
      workers_(control, counters_.size(), process.max_connections, access_log_, counters_,
               [this](const auto& backend) { health_.report(backend); }),
      cutter_(
          control, [this](const auto& backend) { workers_.cut(backend); },
          [this](const auto& way) { workers_.cut(way); }) {}

Running::~Running() { stop(); }

void Running::stop() {
    names_.stop();
    health_.stop();
    workers_.stop();
}

boost::asio::awaitable<std::vector<conf::Problem>> Running::find_names(const conf::Config& config) {
    std::vector<conf::Problem> unknown;
    co_await names_.find(config, unknown);
    co_return unknown;
}

// Everything that can fail comes first; from `commit` on nothing does.
boost::asio::awaitable<std::vector<conf::Problem>> Running::apply(conf::Config config, std::string hash) {
    std::vector<conf::Problem> unknown;
    co_await names_.find(config, unknown); // it may take its time: others may pass meanwhile
    const auto pass = co_await turnstile_.enter();
    std::vector<conf::Address> addresses;
    for (const auto& listener : config.listeners) addresses.push_back(listener.address);
    auto prepared = sockets_.prepare(addresses);
    auto errors = told(prepared.failures, config);
    auto tokens = read_beat_tokens(config, errors);
    errors.insert(errors.end(), unknown.begin(), unknown.end());
    const auto& access = config.logging.access;
    const bool same_output = snapshot_ && snapshot_->config.logging.access.output == access.output;
    log::AccessLog::Output output;
    if (errors.empty() && !same_output)
        if (auto error = output.open(access.output); !error.empty()) errors.push_back({"logging.access.output", error});
    if (errors.empty()) {
        ListenSockets::listen(prepared);
        errors = told(prepared.failures, config);
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
    forget_wishes(config);
    beats_.hold_wishes();
    auto next = builder_.build(std::move(config), std::move(hash), {adjustments_, names_.addresses()}, snapshot_);
    health_.take_inherited(*next);
    co_await adopt(std::move(next));
    beats_.update(*snapshot_, health_.standby(), std::move(tokens));
    const auto* standby = health_.standby() ? &health_.standby()->config : nullptr;
    names_.watch({&snapshot_->config, standby});
    co_return errors;
}

boost::asio::awaitable<void> Running::adopt(SnapshotPtr next) {
    co_await workers_.adopt(next, sockets_);
    const auto before = std::exchange(snapshot_, std::move(next));
    health_.update(*snapshot_);
    cutter_.update(before, snapshot_);
    builder_.prune();
}

boost::asio::awaitable<bool> Running::set_override(std::string pool, std::string backend,
                                                   std::function<void(Override&)> edit) {
    const auto pass = co_await turnstile_.enter();
    const auto& pools = snapshot_->pools;
    const auto known = std::find_if(pools.begin(), pools.end(), [&](const auto& p) { return p->config.name == pool; });
    if (known == pools.end() || !has_backend(**known, backend)) co_return false;
    auto change = adjustments_.orders.find(pool, backend);
    edit(change);
    adjustments_.orders.set(pool, backend, change);
    co_await rebuild();
    co_return true;
}

// Within a pass of the turnstile.
boost::asio::awaitable<void> Running::rebuild() {
    auto next = builder_.build(snapshot_->config, snapshot_->hash, {adjustments_, names_.addresses()}, snapshot_);
    co_await adopt(std::move(next));
}

// Many may ask at once: whoever is first rebuilds for all of them.
void Running::rebuild_soon() {
    if (std::exchange(rebuild_asked_, true)) return;
    boost::asio::co_spawn(control_,
                          run_later(turnstile_,
                                    [this] {
                                        rebuild_asked_ = false;
                                        return rebuild();
                                    }),
                          log::tell_failure);
}

// A wish is a backend's own: it goes when that one goes, whoever gets its name.
void Running::forget_wishes(const conf::Config& next) {
    const auto all = adjustments_.wishes.all();
    for (const auto& [who, _] : all) {
        const bool first = !snapshot_; // what another process knew of
        const auto now = address_of_beater(next, who.first, who.second);
        const auto before = first ? now : address_of_beater(snapshot_->config, who.first, who.second);
        if (!now || before != now) adjustments_.wishes.set(who.first, who.second, {});
    }
}

void Running::on_wish(const balancer::BackendPtr& backend, const Override& wish) {
    if (adjustments_.wishes.find(backend->pool(), backend->name()) == wish) return;
    adjustments_.wishes.set(backend->pool(), backend->name(), wish);
    spdlog::info("backend {}/{} asks for {} and weight {}", backend->pool(), backend->name(),
                 wish.state ? "drain" : "clients", wish.weight ? std::to_string(*wish.weight) : "as the file says");
    rebuild_soon();
}

void Running::stand_by(SnapshotPtr previous) {
    const bool ends = !previous && health_.standby();
    health_.stand_by(std::move(previous), *snapshot_);
    if (!ends) return;
    beats_.forget_standby(*snapshot_);
    names_.watch({&snapshot_->config});
}

void Running::inherit(Handover handover) {
    sockets_.inherit(std::move(handover.listeners));
    health_.inherit(std::move(handover.health));
    for (const auto& note : handover.orders) adjustments_.orders.set(note.pool, note.name, note.change);
    for (const auto& note : handover.wishes) adjustments_.wishes.set(note.pool, note.name, note.change);
}

Handover Running::hand_over() const {
    Handover handover;
    handover.listeners = sockets_.all();
    handover.health = health_.notes(*snapshot_);
    for (const auto& [who, change] : adjustments_.orders.all())
        handover.orders.push_back({who.first, who.second, change});
    for (const auto& [who, change] : adjustments_.wishes.all())
        handover.wishes.push_back({who.first, who.second, change});
    return handover;
}

} // namespace weir::proxy
