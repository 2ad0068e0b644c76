#include "proxy/running.h"

#include "proxy/log/logger.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <thread>
#include <tuple>
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

} // namespace

Running::Running(boost::asio::io_context& control, const conf::Process& process)
    : control_(control), count_(worker_count(process)), counters_(count_), access_log_(count_), sockets_(count_),
      builder_(count_, [this](std::size_t worker, auto work) { workers_.run_on(worker, std::move(work)); }),
      turnstile_(control), monitor_(control, [this](const auto& backend, auto before,
                                                    const auto& health) { on_verdict(backend, before, health); }),
      ejector_(control, [this](const auto& backend, auto time) { on_ejection(backend, time); }),
      beats_(monitor_, [this](const auto& backend, const auto& beat) { on_wish(backend, beat); }),
      workers_(control, count_, process.max_connections, access_log_, counters_,
               [this](const auto& backend) { ejector_.report(backend); }),
      cutter_(control, [this](const auto& backend) { workers_.cut(backend); }) {}

Running::~Running() { stop(); }

void Running::stop() {
    monitor_.stop();
    workers_.stop();
}

// Everything that can fail comes first; from `commit` on nothing does.
boost::asio::awaitable<std::vector<conf::Problem>> Running::apply(conf::Config config, std::string hash) {
    const auto pass = co_await turnstile_.enter();
    std::vector<conf::Address> addresses;
    for (const auto& listener : config.listeners) addresses.push_back(listener.address);
    auto prepared = sockets_.prepare(addresses);
    auto errors = told(prepared.failures, config);
    auto tokens = read_beat_tokens(config, errors);
    const auto& access = config.logging.access;
    const bool same_output = snapshot_ && snapshot_->config.logging.access.output == access.output;
    if (errors.empty() && !same_output)
        if (auto error = access_log_.open(access.output); !error.empty())
            errors.push_back({"logging.access.output", error});
    if (errors.empty()) {
        ListenSockets::listen(prepared);
        errors = told(prepared.failures, config);
    }
    if (!errors.empty()) inherited_.clear();
    if (!errors.empty()) co_return errors;
    for (const auto& address : sockets_.unused()) unused_.push_back(address.text());
    log::configure_logger(config.logging);
    sockets_.commit(std::move(prepared));
    forget_wishes(config);
    auto next = builder_.build(std::move(config), std::move(hash), all_overrides(), snapshot_);
    inherit_health(*next);
    co_await adopt(std::move(next));
    beats_.update(*snapshot_, std::move(tokens));
    co_return errors;
}

boost::asio::awaitable<void> Running::adopt(SnapshotPtr next) {
    co_await workers_.adopt(next, sockets_);
    const auto before = std::exchange(snapshot_, std::move(next));
    watch_health();
    cutter_.update(before, snapshot_);
    builder_.prune();
}

boost::asio::awaitable<bool> Running::set_override(std::string pool, std::string backend,
                                                   std::function<void(Override&)> edit) {
    const auto pass = co_await turnstile_.enter();
    const auto& pools = snapshot_->config.pools;
    const auto known = std::find_if(pools.begin(), pools.end(), [&](const auto& p) { return p.name == pool; });
    if (known == pools.end() ||
        std::none_of(known->backends.begin(), known->backends.end(), [&](const auto& b) { return b.name == backend; }))
        co_return false;
    auto change = overrides_.find(pool, backend);
    edit(change);
    overrides_.set(pool, backend, change);
    co_await rebuild();
    co_return true;
}

// Within a pass of the turnstile.
boost::asio::awaitable<void> Running::rebuild() {
    auto next = builder_.build(snapshot_->config, snapshot_->hash, all_overrides(), snapshot_);
    co_await adopt(std::move(next));
}

Overrides Running::all_overrides() const {
    auto all = wishes_;
    for (const auto& [who, change] : overrides_.all()) {
        auto both = all.find(who.first, who.second);
        if (change.state) both.state = change.state;
        if (change.weight) both.weight = change.weight;
        all.set(who.first, who.second, both);
    }
    return all;
}

namespace {

boost::asio::awaitable<void> run_later(Turnstile& turnstile, std::function<boost::asio::awaitable<void>()> work) {
    const auto pass = co_await turnstile.enter();
    co_await work();
}

} // namespace

namespace {

// Where a backend of this name is, if it is one that sends beats.
std::optional<conf::Address> address_of_beater(const conf::Config& config, const std::string& pool,
                                               const std::string& name) {
    for (const auto& p : config.pools) {
        if (p.name != pool || !p.health_check || p.health_check->mode != conf::CheckMode::push) continue;
        for (const auto& backend : p.backends)
            if (backend.name == name) return backend.address;
    }
    return std::nullopt;
}

} // namespace

// A wish is a backend's own: it goes when that one goes, whoever gets its name.
void Running::forget_wishes(const conf::Config& next) {
    const auto all = wishes_.all();
    for (const auto& [who, _] : all) {
        const auto before = address_of_beater(snapshot_->config, who.first, who.second);
        if (!before || before != address_of_beater(next, who.first, who.second)) wishes_.set(who.first, who.second, {});
    }
}

void Running::on_wish(const balancer::BackendPtr& backend, const health::Beat& beat) {
    Override wish;
    if (beat.drain) wish.state = conf::AdminState::drain;
    if (beat.weight) wish.weight = beat.weight;
    wishes_.set(backend->pool(), backend->name(), wish);
    spdlog::info("backend {}/{} asks for {} and weight {}", backend->pool(), backend->name(),
                 beat.drain ? "drain" : "clients", beat.weight ? std::to_string(beat.weight) : "as the file says");
    // Many may ask at once: whoever is first rebuilds for all of them.
    if (std::exchange(rebuild_asked_, true)) return;
    boost::asio::co_spawn(control_,
                          run_later(turnstile_,
                                    [this] {
                                        rebuild_asked_ = false;
                                        return rebuild();
                                    }),
                          log::tell_failure);
}

void Running::inherit(Handover handover) {
    sockets_.inherit(std::move(handover.listeners));
    inherited_ = std::move(handover.health);
    for (const auto& note : handover.overrides) overrides_.set(note.pool, note.name, note.change);
}

void Running::inherit_health(const Snapshot& snapshot) {
    if (inherited_.empty()) return;
    std::map<std::tuple<std::string, std::string, std::string>, const HealthNote*> notes;
    for (const auto& note : inherited_) notes[{note.pool, note.name, note.address}] = &note;
    for (const auto& pool : snapshot.pools)
        for (const auto& [backend, _, __, ___] : pool->members)
            if (const auto it = notes.find({backend->pool(), backend->name(), backend->address().text()});
                it != notes.end())
                monitor_.inherit(backend, it->second->verdict, it->second->progress);
    inherited_.clear();
}

std::vector<HealthNote> Running::note_health(const Snapshot& snapshot) const {
    std::vector<HealthNote> notes;
    for (const auto& pool : snapshot.pools)
        for (const auto& member : pool->members) {
            const auto& backend = *member.backend;
            if (const auto* health = monitor_.find(backend))
                notes.push_back(
                    {backend.pool(), backend.name(), backend.address().text(), backend.verdict(), health->progress});
        }
    return notes;
}

Handover Running::hand_over() const {
    Handover handover;
    handover.listeners = sockets_.all();
    handover.health = note_health(*snapshot_);
    for (const auto& [who, change] : overrides_.all()) handover.overrides.push_back({who.first, who.second, change});
    return handover;
}

void Running::stand_by(SnapshotPtr previous) {
    standby_health_ = previous ? note_health(*previous) : std::vector<HealthNote>();
    const auto ended = std::exchange(standby_, std::move(previous));
    if (ended && !standby_) watch_health();
}

void Running::restore_health() {
    std::set<std::string> as_before; // pools that are checked as they were: what is known of them now is newer
    for (const auto& old : standby_ ? standby_->pools : decltype(snapshot_->pools){})
        for (const auto& pool : snapshot_->pools)
            if (pool->config.name == old->config.name && pool->config.health_check == old->config.health_check &&
                pool->config.send_proxy_protocol == old->config.send_proxy_protocol)
                as_before.insert(pool->config.name);
    std::set<std::string> here;
    for (const auto& pool : snapshot_->pools) here.insert(pool->config.name);
    for (auto& note : standby_health_)
        if (here.contains(note.pool) && !as_before.contains(note.pool)) inherited_.push_back(std::move(note));
    standby_health_.clear();
}

void Running::watch_health() {
    std::vector<health::Target> targets;
    std::set<const balancer::Backend*> used;
    std::vector<health::OutlierPool> pools;
    for (const auto& pool : snapshot_->pools) {
        auto& outliers = pools.emplace_back(health::OutlierPool{{}, pool->config.outlier_ejection});
        for (const auto& member : pool->members) {
            used.insert(member.backend.get());
            targets.push_back({member.backend, pool->config.health_check, pool->config.send_proxy_protocol});
            if (outliers.rules && member.state == conf::AdminState::ready) outliers.backends.push_back(member.backend);
        }
    }
    for (const auto& pool : standby_ ? standby_->pools : decltype(snapshot_->pools){})
        for (const auto& member : pool->members)
            if (!used.contains(member.backend.get()))
                targets.push_back({member.backend, pool->config.health_check, pool->config.send_proxy_protocol});
    monitor_.watch(targets);
    ejector_.watch(pools);
}

void Running::on_ejection(const balancer::BackendPtr& backend, conf::Duration time) {
    const auto name = backend->pool() + "/" + backend->name();
    if (time.count() == 0) return spdlog::info("backend {} is back on trial", name);
    workers_.close_idle_to(backend);
    spdlog::warn("backend {} fails requests: ejected for {}", name, conf::format(time));
}

void Running::on_verdict(const balancer::BackendPtr& backend, health::Verdict before, const health::Health& health) {
    const auto name = backend->pool() + "/" + backend->name();
    if (backend->verdict() == health::Verdict::down) {
        workers_.close_idle_to(backend);
        spdlog::warn("backend {} is down: {}", name, health.why);
    } else if (before == health::Verdict::down) {
        spdlog::info("backend {} is up again", name);
    } else {
        spdlog::debug("backend {} is up", name);
    }
}

} // namespace weir::proxy
