#include "proxy/process/process.h"

#include "base/signal_mask.h"
#include "base/use_nothrow_awaitable.h"
#include "base/version.h"
#include "proxy/log/logger.h"
#include "proxy/process/systemd_notify.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto time_to_end = std::chrono::seconds(10); // after the last connection, to release locks and write files
constexpr int max_upgrade_tries = 3;                   // while the configuration keeps changing
constexpr std::string_view container_ends =
    "this process is PID 1: when it exits, its container stops, and the new process too; replace the container";

// Raises the descriptor limit as far as the system allows, and returns it.
std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    const auto before = std::exchange(limit.rlim_cur, limit.rlim_max);
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

// Limits max_connections to the descriptors available: each client may need a second one for its backend.
conf::Process fit_descriptors(const conf::Config& config) {
    auto process = config.process;
    std::size_t backends = 0;
    for (const auto& pool : config.pools) backends += pool.backends.size(); // all may be checked at once
    const auto own = 64 + backends + config.listeners.size() * DataPlane::worker_count(process);
    const auto limit = raise_descriptor_limit();
    const auto affordable = limit > own + 2 ? (limit - own) / 2 : 1;
    process.max_connections = static_cast<std::uint32_t>(std::min<std::uint64_t>(process.max_connections, affordable));
    return process;
}

bool is_at(const conf::Admin& admin, const std::string& address) {
    return admin.address && admin.address->text() == address;
}

} // namespace

Process::Process(std::string path, conf::Loaded loaded)
    : path_(std::move(path)), loaded_(std::move(loaded)), signals_(control_, SIGHUP, SIGTERM, SIGINT),
      process_(fit_descriptors(loaded_.config)), drain_timer_(control_), watch_(control_, *this),
      runtime_(control_, process_), reload_(control_, runtime_, path_, process_.state_dir, watch_),
      reloader_(control_, reload_), watchdog_(control_, runtime_.data_plane().workers()) {
    signals_.add(SIGQUIT);
    signals_.add(SIGUSR1);
    signals_.add(SIGUSR2);
}

Process::~Process() = default;

void Process::on_files_changed() {
    if (!runtime_.snapshot()) return;
    if (runtime_.snapshot()->config.reload.watch) reloader_.request_if_changed(ReloadTrigger::watch);
    else if (!reload_.next.takes_from_fleet()) reloader_.note_files();
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
    allow_signals();
    control_.run();
    block_signals(); // a late signal does not change how the process ends
    runtime_.stop();
    const bool rests = reload_.wait_idle();
    if (!rests) spdlog::error("stopping: gave up waiting for a pending disk write");
    spdlog::shutdown();
    if (!rests) std::_Exit(static_cast<int>(code_)); // files on disk are either complete or absent
    return code_;
}

asio::awaitable<void> Process::start() {
    const auto admin = loaded_.config.admin;
    std::vector<conf::Problem> problems;
    auto tokens = conf::read_admin_tokens(admin, problems);
    if (!problems.empty()) {
        for (const auto& problem : problems) spdlog::error("cannot start: {}", loaded_.format(problem));
        end(ExitCode::refused);
        co_return;
    }
    auto channel = HotRestartChannel::from_environment();
    auto state = channel ? receive_state(*channel) : Result<HotRestartState>(channel.error());
    if (!state) {
        spdlog::error("cannot start: {}", state.error().message());
        end(ExitCode::refused);
        co_return;
    }
    const auto old_admin = state->admin.address;
    auto inherited = std::move(state->admin);
    runtime_.inherit(*std::move(state));
    if (const auto opened = open_admin(admin, std::move(inherited), std::move(tokens)); !opened) {
        spdlog::error("cannot start: admin.address: {}", opened.error().message());
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
    asio::co_spawn(control_, handle_signals(), log::log_exception);
    watch_.start();
    // The file may have been edited before the watch began; the fleet agent reports pushed versions itself.
    if (runtime_.snapshot()->config.reload.source == conf::ConfigSource::file) watch_.check_soon();
    const auto& snapshot = *runtime_.snapshot();
    spdlog::info("weir {} serves {} (hash {}), pid {}, {} workers", version, path_, snapshot.hash.substr(0, 12),
                 ::getpid(), runtime_.counters().size());
    for (const auto& listener : snapshot.listeners)
        spdlog::info("  listening on {} ({})", listener->config.address.text(), listener->config.name);
    if (admin.address) spdlog::info("  admin API on {}", admin.address->text());
    auto unused = runtime_.data_plane().unused();
    if (!old_admin.empty() && !is_at(admin, old_admin)) unused.push_back("admin");
    co_await succeed(*std::move(channel), std::move(unused));
}

// The last step of a start or of a hot restart: afterwards this process is the one that serves.
asio::awaitable<void> Process::succeed(HotRestartChannel channel, std::vector<std::string> unused) {
    if (channel.is_open()) {
        if (api_) api_->set_upgrading(true);
        channel.send_ready(unused);
        const auto consent = co_await channel.wait_for_decision(control_);
        if (api_) api_->set_upgrading(false);
        if (consent == TakeoverDecision::no) {
            spdlog::warn("upgrade: the old process is stopping, so this one stops too");
            begin_stop();
            co_return;
        }
        reloader_.request_if_changed(ReloadTrigger::upgrade); // the file may have been edited during the takeover
    }
    notify_ready();
    watchdog_.start();
}

// Returns what the old process of a hot restart hands over; nothing if there is none.
Result<HotRestartState> Process::receive_state(HotRestartChannel& channel) {
    if (!channel.is_open()) return HotRestartState();
    auto state = channel.receive();
    if (state && !state->config_hash.empty() && state->config_hash != loaded_.hash)
        return Error("the configuration on disk (hash " + loaded_.hash.substr(0, 12) +
                     ") is not the one in force (hash " + state->config_hash.substr(0, 12) + ")");
    return state;
}

// Opens the admin API. Closes an inherited socket that has another address.
Result<void> Process::open_admin(const conf::Admin& admin, AdminSocket inherited, conf::AdminTokens tokens) {
    if (!is_at(admin, inherited.address)) inherited.socket.reset();
    if (!admin.address) return {};
    api_ = std::make_unique<admin::Api>(runtime_, reloader_,
                                        admin::AccessRules{*admin.address, admin.hosts, std::move(tokens)});
    admin_ = std::make_unique<admin::Server>(control_, *api_);
    return inherited.socket ? admin_->take_over(*admin.address, std::move(inherited.socket))
                            : admin_->listen(*admin.address);
}

asio::awaitable<void> Process::handle_signals() {
    for (;;) {
        const auto [error, number] = co_await signals_.async_wait(use_nothrow_awaitable);
        if (error) co_return;
        switch (number) {
        case SIGHUP: reloader_.request(ReloadTrigger::signal); break;
        case SIGUSR1:
            if (const auto reopened = runtime_.data_plane().access_log().reopen(); !reopened)
                spdlog::error("access log: {}", reopened.error().message());
            else spdlog::info("access log reopened");
            break;
        case SIGUSR2:
            if (!upgrade_ && !stopping_) asio::co_spawn(control_, upgrade_binary(), log::log_exception);
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
    if (stopping_) spdlog::info("another process has taken over: this one is already finishing");
    else {
        notify_stopping(runtime_.snapshot()->config.process.drain_timeout + time_to_end);
        begin_stop();
    }
}

asio::awaitable<void> Process::upgrade_binary() {
    spdlog::info("upgrade: starting the new process");
    upgrade_ = std::make_unique<Upgrade>(control_, own_command_line());
    Result<void> result;
    try {
        result = co_await hand_over();
    } catch (const std::exception& e) { // out of memory or descriptors
        result = Error(e.what());
    }
    end_upgrade(result);
}

// If files change while the new process starts, reloads them and retries. Fails if the new process does not serve.
asio::awaitable<Result<void>> Process::hand_over() {
    if (::getpid() == 1) co_return Error(std::string(container_ends));
    for (int tries = 1;; ++tries) {
        auto result = co_await reloader_.settle_files();
        if (!result || stopping_) co_return result;
        reloader_.hold();
        result = co_await start_successor();
        if (result && !stopping_) result = co_await upgrade_->confirm();
        if (result || stopping_ || tries == max_upgrade_tries) co_return result;
        const auto now = co_await reload_.next.peek();
        if (now.hash == reload_.hash_in_force()) co_return result;
        spdlog::warn("upgrade: {}; the configuration has changed since then: trying again", result.error().message());
        if (api_) api_->set_upgrading(false);
        upgrade_ = std::make_unique<Upgrade>(control_, own_command_line());
        reloader_.resume();
    }
}

void Process::end_upgrade(const Result<void>& result) {
    const auto done = std::move(upgrade_);
    if (result && !stopping_) {
        spdlog::info("upgrade: process {} has taken over", done->process());
        watchdog_.stop(); // the new process is the main one now
        std::set<int> kept;
        for (const auto& [address, sockets] : runtime_.data_plane().sockets()) {
            if (done->unused().contains(address.text())) continue;
            for (const auto& socket : sockets) kept.insert(socket->get());
        }
        if (admin_ && !done->unused().contains("admin")) admin_->leave();
        begin_stop(kept);
    } else {
        const bool started = done->process() >= 0;
        const auto reason = result ? std::string("weir is stopping") : result.error().message();
        spdlog::error("{}: {}; this one {}",
                      started ? "upgrade: the new process has not taken over" : "upgrade refused", reason,
                      stopping_ ? "stops" : "continues");
        if (api_) api_->set_upgrading(false);
        if (!stopping_) { // the new process may have notified systemd already
            const auto to =
                started ? "the upgrade to process " + std::to_string(done->process()) : std::string("the upgrade");
            notify_ready(to + " failed: " + reason);
        }
    }
    reloader_.resume();
}

// Starts the new process, and waits until it serves.
asio::awaitable<Result<void>> Process::start_successor() {
    while (reloader_.in_progress()) // the new process must find a stable configuration
        co_await sleep_for(std::chrono::milliseconds(20));
    if (stopping_) co_return Error("weir is stopping");
    if (api_) api_->set_upgrading(true); // not earlier, because a reload may take long
    auto state = runtime_.hand_over();
    if (admin_) {
        state.admin = {runtime_.snapshot()->config.admin.address->text(), admin_->duplicate_socket()};
        if (!state.admin.socket) co_return Error(std::string("the admin API's socket: ") + std::strerror(errno));
    }
    co_return co_await upgrade_->run(state);
}

void Process::begin_stop(const std::set<int>& kept_by_another) {
    stopping_ = true;
    watch_.stop();
    reloader_.close(kept_by_another.empty() ? Presence::ends : Presence::goes_on);
    if (upgrade_) upgrade_->abandon();
    if (api_ && kept_by_another.empty()) api_->set_draining();
    const auto limit = runtime_.snapshot()->config.process.drain_timeout;
    runtime_.data_plane().workers().count_open([limit](const OpenWork& open) {
        spdlog::info("stopping: {} open; closing what is still open in {} (process.drain_timeout)", format(open),
                     conf::format(limit));
    });
    runtime_.data_plane().drain(kept_by_another, [this] { end(ExitCode::done); });
    drain_timer_.expires_after(limit);
    drain_timer_.wait([this, limit](WaitEnd end) {
        if (end == WaitEnd::expired && !ended_) cut_off(limit);
    });
}

void Process::cut_off(conf::Duration limit) {
    runtime_.data_plane().workers().count_open([this, limit](const OpenWork& open) {
        if (ended_) return;
        spdlog::warn("stopping: closing {} still open after {} (process.drain_timeout)", format(open),
                     conf::format(limit));
        end(ExitCode::cut_off);
    });
}

void Process::end(ExitCode code) {
    if (std::exchange(ended_, true)) return; // the first end determines the exit code
    code_ = code;
    reloader_.close(Presence::ends);
    if (upgrade_) upgrade_->abandon();
    if (admin_) admin_->stop();
    asio::co_spawn(control_, finish(), asio::detached);
}

// A reload in progress releases its lock and the fleet is notified first; others would have to wait for both to expire.
asio::awaitable<void> Process::finish() {
    const auto& fleet = reload_.fleet();
    for (int i = 0; i < 100 && (reloader_.in_progress() || !fleet.has_left()); ++i)
        co_await sleep_for(std::chrono::milliseconds(20));
    control_.stop();
}

} // namespace weir::proxy
