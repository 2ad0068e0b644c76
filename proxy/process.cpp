#include "proxy/process.h"

#include "conf/token_file.h"
#include "proxy/log/logger.h"
#include "proxy/service_manager.h"
#include "proxy/version.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);

// As many descriptors as the system allows, and how many that is.
std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    const auto before = std::exchange(limit.rlim_cur, limit.rlim_max);
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

// How many clients the descriptors are enough for: each may need one more for its backend, and weir some for itself.
conf::Process fit_descriptors(const conf::Config& config) {
    auto process = config.process;
    std::size_t backends = 0;
    for (const auto& pool : config.pools) backends += pool.backends.size(); // probed, or beating, all at once, perhaps
    const auto own = 64 + backends + config.listeners.size() * Running::worker_count(process);
    const auto limit = raise_descriptor_limit();
    const auto affordable = limit > own + 2 ? (limit - own) / 2 : 1;
    process.max_connections = static_cast<std::uint32_t>(std::min<std::uint64_t>(process.max_connections, affordable));
    return process;
}

std::string admin_token(const std::string& path) {
    if (path.empty()) return {};
    std::string why;
    auto secret = conf::read_token(path, why);
    if (!why.empty()) throw std::runtime_error("admin.token_file: " + why);
    return secret;
}

} // namespace

Process::Process(std::string path, conf::Loaded loaded)
    : path_(std::move(path)), loaded_(std::move(loaded)), signals_(control_, SIGHUP, SIGTERM, SIGINT),
      process_(fit_descriptors(loaded_.config)), drain_timer_(control_),
      watch_(control_, [this] { files_may_have_changed(); }), running_(control_, process_),
      changer_(control_, running_, path_, process_.state_dir, [this](const auto& files) { watch_.set_files(files); }),
      reloader_(control_, changer_) {
    signals_.add(SIGQUIT);
    signals_.add(SIGUSR1);
    signals_.add(SIGUSR2);
}

Process::~Process() = default;

void Process::files_may_have_changed() {
    if (running_.snapshot() && running_.snapshot()->config.reload.watch) reloader_.request_if_changed("watch");
}

ExitCode Process::run() {
    ::signal(SIGPIPE, SIG_IGN);
    log::configure_logger(loaded_.config.logging);
    if (const auto wanted = loaded_.config.process.max_connections; process_.max_connections < wanted)
        spdlog::warn("process.max_connections: the limit on open files allows {} clients at a time, not {}; raise it "
                     "(ulimit -n, LimitNOFILE=)",
                     process_.max_connections, wanted);
    asio::co_spawn(control_, start(), [this](std::exception_ptr failure) {
        if (!failure) return;
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& e) {
            spdlog::error("cannot start: {}", e.what());
        }
        end(ExitCode::refused);
    });
    control_.run();
    running_.stop();
    const bool rests = changer_.comes_to_rest();
    if (!rests) spdlog::error("stopping: a disk does not answer, and is waited for no longer");
    spdlog::shutdown();
    if (!rests) std::_Exit(static_cast<int>(code_)); // what is written there is whole, or not there
    return code_;
}

asio::awaitable<void> Process::start() {
    const auto admin = loaded_.config.admin;
    const auto secret = admin_token(admin.token_file);
    auto channel = HandoverChannel::from_environment();
    Handover handover;
    if (channel.is_open()) handover = channel.receive();
    running_.inherit(handover);
    if (const auto error = open_admin(admin, handover, secret); !error.empty()) {
        spdlog::error("cannot start: admin.address: {}", error);
        end(ExitCode::refused);
        co_return;
    }
    const auto errors = co_await reloader_.start(std::move(loaded_));
    if (!errors.empty()) {
        for (const auto& error : errors) spdlog::error("cannot start: {}", error);
        end(ExitCode::refused);
        co_return;
    }
    if (admin_) admin_->start();
    asio::co_spawn(control_, handle_signals(), log::tell_failure);
    watch_.start();
    // An edit may have come between the reading and the watching; what the fleet has, it tells.
    if (running_.snapshot()->config.reload.source == conf::ConfigSource::file) files_may_have_changed();
    const auto& snapshot = *running_.snapshot();
    spdlog::info("weir {} serves {} (hash {}), pid {}, {} workers", version, path_, snapshot.hash.substr(0, 12),
                 ::getpid(), running_.counters().size());
    for (const auto& listener : snapshot.listeners)
        spdlog::info("  listening on {} ({})", listener->config.address.text(), listener->config.name);
    if (admin.address) spdlog::info("  admin API on {}", admin.address->text());
    auto unused = running_.unused();
    if (!handover.admin_address.empty() && handover.admin < 0) unused.push_back("admin");
    co_await succeed(std::move(channel), std::move(unused));
}

// The last step of a start, and of an upgrade: from here on this process is the one.
asio::awaitable<void> Process::succeed(HandoverChannel channel, std::vector<std::string> unused) {
    if (channel.is_open()) {
        if (api_) api_->set_upgrading(true);
        channel.tell_ready(unused);
        const auto consent = co_await channel.wait_for_consent(control_);
        if (api_) api_->set_upgrading(false);
        if (consent == Consent::no) {
            spdlog::warn("upgrade: the old process is to stop, and so does this one");
            begin_stop();
            co_return;
        }
        reloader_.request_if_changed("upgrade"); // an edit may have come between the two
    }
    tell_service_manager_ready();
}

// Returns what stands in the way. A socket of the old process that it has no use for is closed, and gone from
// `handover`.
std::string Process::open_admin(const conf::Admin& admin, Handover& handover, const std::string& secret) {
    const bool same = admin.address && handover.admin >= 0 && handover.admin_address == admin.address->text();
    if (handover.admin >= 0 && !same) ::close(std::exchange(handover.admin, -1));
    if (!admin.address) return {};
    api_ = std::make_unique<admin::Api>(running_, reloader_, *admin.address, secret);
    admin_ = std::make_unique<admin::Server>(control_, *api_);
    return same ? admin_->take_over(*admin.address, handover.admin) : admin_->listen(*admin.address);
}

asio::awaitable<void> Process::handle_signals() {
    for (;;) {
        const auto [error, number] = co_await signals_.async_wait(token);
        if (error) co_return;
        switch (number) {
        case SIGHUP: reloader_.request("signal"); break;
        case SIGUSR1:
            if (const auto failed = running_.access_log().reopen(); !failed.empty())
                spdlog::error("access log: {}", failed);
            else spdlog::info("access log reopened");
            break;
        case SIGUSR2:
            if (!upgrade_ && !stopping_) asio::co_spawn(control_, upgrade_binary(), log::tell_failure);
            break;
        default: stop_signal();
        }
    }
}

void Process::stop_signal() {
    if (std::exchange(told_to_stop_, true)) {
        spdlog::warn("second signal: stopping at once");
        return end(ExitCode::cut_off);
    }
    if (stopping_) spdlog::info("another process has taken over: this one is finishing already");
    else begin_stop();
}

asio::awaitable<void> Process::upgrade_binary() {
    upgrade_ = std::make_unique<Upgrade>(control_);
    reloader_.hold();
    std::string error;
    try {
        error = co_await start_successor();
        if (error.empty() && !stopping_) error = co_await upgrade_->confirm();
    } catch (const std::exception& e) { // no memory, no descriptor
        error = e.what();
    }
    const auto done = std::move(upgrade_);
    if (error.empty() && !stopping_) {
        spdlog::info("upgrade: process {} has taken over", done->process());
        std::set<int> kept;
        for (const auto& [address, sockets] : running_.sockets().all())
            if (!done->unused().contains(address.text())) kept.insert(sockets.begin(), sockets.end());
        if (admin_ && !done->unused().contains("admin")) admin_->leave();
        begin_stop(kept);
    } else {
        spdlog::error("upgrade: the new process has not taken over: {}; this one {}",
                      error.empty() ? "weir is stopping" : error, stopping_ ? "stops" : "goes on");
        if (api_) api_->set_upgrading(false);
    }
    reloader_.resume(); // what was asked for meanwhile
}

// Starts the program anew. Returns why it does not serve.
asio::awaitable<std::string> Process::start_successor() {
    spdlog::info("upgrade: starting the program anew");
    asio::steady_timer pause(control_);
    while (reloader_.in_progress()) { // the new process is to find one configuration, not one half changed
        pause.expires_after(std::chrono::milliseconds(20));
        co_await pause.async_wait(token);
    }
    if (stopping_) co_return "weir is stopping";
    if (api_) api_->set_upgrading(true); // only now: a reload may have taken its time
    auto handover = running_.hand_over();
    if (admin_) {
        handover.admin = admin_->descriptor();
        handover.admin_address = running_.snapshot()->config.admin.address->text();
    }
    co_return co_await upgrade_->run(handover);
}

void Process::begin_stop(const std::set<int>& kept_by_another) {
    stopping_ = true;
    watch_.stop();
    reloader_.close(kept_by_another.empty() ? Presence::ends : Presence::goes_on);
    if (upgrade_) upgrade_->abandon();
    if (api_ && kept_by_another.empty()) api_->set_draining();
    const auto limit = running_.snapshot()->config.process.drain_timeout;
    spdlog::info("stopping: requests in flight have {} to finish", conf::format(limit));
    running_.workers().drain(kept_by_another, [this] { end(ExitCode::done); });
    drain_timer_.expires_after(limit);
    drain_timer_.async_wait([this](boost::system::error_code error) {
        if (error || ended_) return;
        spdlog::warn("stopping: time is up, connections are cut");
        end(ExitCode::cut_off);
    });
}

void Process::end(ExitCode code) {
    if (std::exchange(ended_, true)) return; // how it ended first is how it ended
    code_ = code;
    reloader_.close(Presence::ends);
    if (upgrade_) upgrade_->abandon();
    if (admin_) admin_->stop();
    asio::co_spawn(control_, finish(), asio::detached);
}

// A reload that was under way gives its lock back first, and the fleet is told: others would have to wait for both to
// run out.
asio::awaitable<void> Process::finish() {
    asio::steady_timer pause(control_);
    const auto& fleet = changer_.fleet();
    for (int i = 0; i < 100 && (reloader_.in_progress() || !fleet.has_left()); ++i) {
        pause.expires_after(std::chrono::milliseconds(20));
        co_await pause.async_wait(token);
    }
    control_.stop();
}

} // namespace weir::proxy
