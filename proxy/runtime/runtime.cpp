#include "proxy/runtime/runtime.h"

#include "proxy/log/logger.h"
#include "proxy/runtime/secret_file.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// Logs which pages and files of users have changed.
void log_changes(const LoadedFiles& in_force, const LoadedFiles& next) {
    for (const auto& change : find_changed_files(in_force.pages_and_users, next.pages_and_users))
        spdlog::info("{} has changed (SHA-256 {})", change.name, change.after.substr(0, 16));
}

// Warns of files of users that everyone can read, unless they have been read before.
void warn_of_open_files(const conf::FileHashes& before, const LoadedFiles& next) {
    for (const auto& [path, users] : next.users) {
        const auto known = before.find(path);
        if (known == before.end() || known->second != next.pages_and_users.at(path))
            warn_if_open("users file", path, SharedWith::its_group);
    }
}

// The hashes come first: if a file changes meanwhile, it is read again.
void read_pages_and_users(const conf::Config& config, LoadedFiles& files, std::vector<conf::Problem>& problems) {
    files.pages_and_users = conf::hash_pages_and_users(config);
    files.pages = conf::read_page_files(config, problems);
    files.users = conf::read_users_files(config, problems);
}

asio::awaitable<void> run_later(AsyncMutex& mutex, std::function<asio::awaitable<void>()> work) {
    const auto pass = co_await mutex.enter();
    co_await work();
}

} // namespace

Runtime::Runtime(asio::io_context& control, const conf::Process& process)
    : control_(control), data_plane_(control, process, *this),
      builder_(counters().size(),
               [this](std::size_t worker, auto work) { data_plane_.workers().run_on(worker, std::move(work)); }),
      names_(control, *this), certificates_(control), mutex_(control.get_executor()),
      health_(control, data_plane_.workers()), beats_(clock_of(control), health_.monitor(), *this),
      reaper_(control, data_plane_.workers()) {}

Runtime::~Runtime() { stop(); }

void Runtime::stop() {
    names_.stop();
    certificates_.stop();
    health_.stop();
    data_plane_.stop();
}

asio::awaitable<std::vector<conf::Problem>> Runtime::find_names(const conf::Config& config) {
    co_return co_await names_.find(config, Unresolved::refused);
}

asio::awaitable<ApplyPreview> Runtime::preview(const conf::Config& config) {
    auto problems = co_await names_.try_to_find(config);
    const auto prepared = data_plane_.bind(config, problems); // closed again when this function returns
    const auto files = read_files(config, problems);
    if (auto problem = data_plane_.check_access_log(config, *snapshot_)) problems.push_back(*std::move(problem));
    auto changes = certificates_.find_changes(config, files.tls);
    const auto others = find_changed_files(snapshot_->files.pages_and_users, files.pages_and_users);
    changes.insert(changes.end(), others.begin(), others.end());
    co_return ApplyPreview{std::move(problems), std::move(changes)};
}

LoadedFiles Runtime::read_files(const conf::Config& config, std::vector<conf::Problem>& problems) const {
    auto tokens = read_heartbeat_tokens(config, problems);
    LoadedFiles files{certificates_.load(config, problems), std::move(tokens), {}, {}, {}};
    read_pages_and_users(config, files, problems);
    return files;
}

asio::awaitable<std::vector<conf::Problem>> Runtime::apply(conf::Config config, std::string hash) {
    // A new process that takes over must not lose backends that the old one still serves, so it refuses instead.
    const bool is_start = !snapshot_ && !data_plane_.has_unclaimed();
    const auto unresolved = is_start ? Unresolved::retried : Unresolved::refused;
    const auto unknown = co_await names_.find(config, unresolved); // outside the mutex, because it may take seconds
    const auto pass = co_await mutex_.enter();
    std::vector<conf::Problem> errors;
    auto files = read_files(config, errors);
    errors.insert(errors.end(), unknown.begin(), unknown.end());
    co_return co_await switch_to(std::move(config), std::move(hash), std::move(files), std::move(errors));
}

asio::awaitable<std::vector<conf::Problem>> Runtime::restore(SnapshotPtr earlier) {
    auto errors = co_await names_.find(earlier->config, Unresolved::refused);
    const auto pass = co_await mutex_.enter();
    co_return co_await switch_to(earlier->config, earlier->hash, earlier->files, std::move(errors));
}

asio::awaitable<std::vector<conf::Problem>> Runtime::renew_files(RenewedFiles which) {
    const auto pass = co_await mutex_.enter();
    std::vector<conf::Problem> errors;
    auto files = snapshot_->files;
    const auto& config = snapshot_->config;
    if (which == RenewedFiles::pages_and_users) read_pages_and_users(config, files, errors);
    if (which == RenewedFiles::tls) files.tls = certificates_.load(config, errors);
    if (!errors.empty()) co_return errors;
    if (which == RenewedFiles::tls) certificates_.commit(config, files.tls);
    log_changes(snapshot_->files, files);
    warn_of_open_files(snapshot_->files.pages_and_users, files);
    co_await rebuild(std::move(files));
    co_return errors;
}

// The caller holds `mutex_`. Everything that can fail comes before `commit`; nothing after it can fail.
asio::awaitable<std::vector<conf::Problem>> Runtime::switch_to(conf::Config config, std::string hash, LoadedFiles files,
                                                               std::vector<conf::Problem> errors) {
    auto prepared = data_plane_.bind(config, errors);
    if (errors.empty()) DataPlane::open(prepared, config, snapshot_.get(), errors);
    if (!errors.empty()) {
        health_.forget_inherited();
        if (snapshot_) names_.watch({&snapshot_->config});
        co_return errors;
    }
    log::configure_logger(config.logging);
    data_plane_.commit(std::move(prepared));
    overrides_.follow(snapshot_ ? &snapshot_->config : nullptr, config);
    beats_.hold_agent_overrides();
    certificates_.commit(config, files.tls);
    if (snapshot_) log_changes(snapshot_->files, files);
    warn_of_open_files(snapshot_ ? snapshot_->files.pages_and_users : conf::FileHashes{}, files);
    auto next = builder_.build(std::move(config), std::move(hash), build_inputs(std::move(files)), snapshot_);
    health_.take_inherited(*next);
    co_await adopt(std::move(next));
    beats_.update(*snapshot_, health_.standby(), snapshot_->files.heartbeat_tokens);
    const auto* standby = health_.standby() ? &health_.standby()->config : nullptr;
    names_.watch({&snapshot_->config, standby});
    co_return errors;
}

BuildInputs Runtime::build_inputs(LoadedFiles files) const {
    return {overrides_.all(), names_.addresses(), std::move(files)};
}

asio::awaitable<void> Runtime::adopt(SnapshotPtr next) {
    co_await data_plane_.adopt(next);
    const auto before = std::exchange(snapshot_, std::move(next));
    health_.update(snapshot_);
    reaper_.update(before, snapshot_);
    builder_.prune();
}

asio::awaitable<bool> Runtime::set_override(std::string pool, std::string backend,
                                            std::function<void(Override&)> edit) {
    const auto pass = co_await mutex_.enter();
    if (!overrides_.edit(*snapshot_, pool, backend, edit)) co_return false;
    co_await rebuild(snapshot_->files);
    co_return true;
}

// The caller holds `mutex_`.
asio::awaitable<void> Runtime::rebuild(LoadedFiles files) {
    auto next = builder_.build(snapshot_->config, snapshot_->hash, build_inputs(std::move(files)), snapshot_);
    co_await adopt(std::move(next));
}

// Concurrent requests are joined: one rebuild serves them all.
void Runtime::rebuild_soon() {
    if (std::exchange(rebuild_asked_, true)) return;
    asio::co_spawn(control_,
                   run_later(mutex_,
                             [this] {
                                 rebuild_asked_ = false;
                                 return rebuild(snapshot_->files);
                             }),
                   log::log_exception);
}

void Runtime::on_addresses_changed() { rebuild_soon(); }

void Runtime::on_consecutive_errors(const balancer::BackendPtr& backend) { health_.report(backend); }

void Runtime::on_agent_override(const balancer::BackendPtr& backend, const Override& agent_override) {
    if (!overrides_.set_agent_override(*backend, agent_override)) return;
    spdlog::info("backend {}/{} requests state {} and weight {} in its heartbeats", backend->pool(), backend->name(),
                 agent_override.state ? "drain" : "ready",
                 agent_override.weight ? std::to_string(*agent_override.weight) : "as configured");
    rebuild_soon();
}

void Runtime::stand_by(SnapshotPtr previous) {
    const bool ends = !previous && health_.standby();
    health_.stand_by(std::move(previous));
    if (!ends) return;
    beats_.forget_standby(*snapshot_);
    names_.watch({&snapshot_->config});
}

void Runtime::inherit(HotRestartState handover) {
    overrides_.inherit(handover);
    data_plane_.inherit(std::move(handover.listeners));
    health_.inherit(std::move(handover.health));
    certificates_.inherit_ticket_keys(handover.ticket_keys);
}

HotRestartState Runtime::hand_over() const {
    HotRestartState handover;
    handover.config_hash = snapshot_->hash;
    handover.listeners = data_plane_.sockets();
    handover.health = health_.notes(*snapshot_);
    overrides_.hand_over(handover);
    handover.ticket_keys = certificates_.ticket_keys();
    return handover;
}

} // namespace weir::proxy
