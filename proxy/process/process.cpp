#include "proxy/process/process.h"

#include "base/signal_mask.h"
#include "base/use_nothrow_awaitable.h"
#include "base/version.h"
#include "proxy/log/logger.h"
#include "proxy/process/systemd_notify.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto time_to_end = std::chrono::seconds(10); // after the last connection, to release locks and write files

// Raises the descriptor limit as far as the system allows, and returns it.
std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    const auto before = std::exchange(limit.rlim_cur, limit.rlim_max);
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

// Returns the number of descriptors to keep for copies of requests. Under a small limit it is smaller: clients are
// worth more than copies, which give up when descriptors run out.
std::uint64_t descriptors_for_copies(const conf::Config& config, std::uint64_t limit) {
    const auto has_mirror = [](const conf::Route& route) { return route.mirror.has_value(); };
    if (std::ranges::none_of(config.routes, has_mirror)) return 0;
    return std::min<std::uint64_t>(DataPlane::max_copies(config.process), limit / 4);
}

// Limits max_connections to the descriptors available: each client may need a second one for its backend, and a third
// one for a buffered body.
conf::Process fit_descriptors(const conf::Config& config) {
    auto process = config.process;
    std::size_t backends = 0;
    for (const auto& pool : config.pools) backends += pool.backends.size(); // all may be checked at once
    const auto limit = raise_descriptor_limit();
    const auto own = 64 + backends + config.listeners.size() * DataPlane::worker_count(process) +
                     descriptors_for_copies(config, limit);
    const bool buffers = std::ranges::any_of(config.routes, &conf::Route::buffer_requests);
    const std::uint64_t for_client = buffers ? 3 : 2;
    const auto affordable = limit > own + for_client ? (limit - own) / for_client : 1;
    process.max_connections = static_cast<std::uint32_t>(std::min<std::uint64_t>(process.max_connections, affordable));
    return process;
}

} // namespace

Process::Process(std::string path, conf::Loaded loaded)
    : path_(std::move(path)), loaded_(std::move(loaded)), signals_(control_, SIGHUP, SIGTERM, SIGINT),
      process_(fit_descriptors(loaded_.config)), watch_(control_, *this), runtime_(control_, process_),
      reload_(control_, runtime_, path_, process_.state_dir, watch_), reloader_(control_, reload_),
      watchdog_(control_, runtime_.data_plane().workers()), admin_(control_, runtime_, reloader_),
      successor_(control_, runtime_, reloader_, admin_), shutdown_(control_, runtime_, reloader_, admin_, successor_) {
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
            refuse(e.what());
        }
    });
    allow_signals();
    control_.run();
    block_signals(); // a late signal does not change how the process ends
    runtime_.stop();
    const bool rests = reload_.wait_idle();
    if (!rests) spdlog::error("stopping: gave up waiting for a pending disk write");
    spdlog::shutdown();
    if (!rests) std::_Exit(static_cast<int>(shutdown_.code())); // files on disk are either complete or absent
    return shutdown_.code();
}

asio::awaitable<void> Process::start() {
    const auto admin = loaded_.config.admin;
    std::vector<conf::Problem> problems;
    auto tokens = conf::read_admin_tokens(admin, problems);
    for (const auto& problem : problems) spdlog::error("cannot start: {}", loaded_.format(problem));
    if (!problems.empty()) co_return shutdown_.end(ExitCode::refused);
    auto channel = HotRestartChannel::from_environment();
    auto state = channel ? receive_state(*channel) : Result<HotRestartState>(channel.error());
    if (!state) co_return refuse(state.error().message());
    const auto old_admin = state->admin.address;
    auto inherited = std::move(state->admin);
    runtime_.inherit(*std::move(state));
    if (const auto opened = admin_.open(admin, std::move(inherited), std::move(tokens)); !opened)
        co_return refuse("admin.address: " + opened.error().message());
    const auto errors = co_await reloader_.start(std::move(loaded_));
    for (const auto& error : errors) refuse(error);
    if (!errors.empty()) co_return;
    admin_.start();
    asio::co_spawn(control_, handle_signals(), log::log_exception);
    watch_.start();
    // The file may have been edited before the watch began; the fleet agent reports pushed versions itself.
    if (runtime_.snapshot()->config.reload.source == conf::ConfigSource::file) watch_.check_soon();
    report_start();
    auto unused = runtime_.data_plane().unused();
    const bool same_admin = admin.address && admin.address->text() == old_admin;
    if (!old_admin.empty() && !same_admin) unused.push_back("admin");
    co_await succeed(*std::move(channel), std::move(unused));
}

void Process::refuse(const std::string& error) {
    spdlog::error("cannot start: {}", error);
    shutdown_.end(ExitCode::refused);
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

void Process::report_start() const {
    const auto& snapshot = *runtime_.snapshot();
    spdlog::info("weir {} serves {} (hash {}), pid {}, {} workers", version, path_, snapshot.hash.substr(0, 12),
                 ::getpid(), runtime_.counters().size());
    for (const auto& listener : snapshot.listeners)
        spdlog::info("  listening on {} ({})", listener->config.address.text(), listener->config.name);
    if (const auto& address = snapshot.config.admin.address) spdlog::info("  admin API on {}", address->text());
}

// The last step of a start or of a hot restart: afterwards this process is the one that serves.
asio::awaitable<void> Process::succeed(HotRestartChannel channel, std::vector<std::string> unused) {
    if (channel.is_open()) {
        admin_.begin_upgrade();
        channel.send_ready(unused);
        const auto consent = co_await channel.wait_for_decision(control_);
        admin_.end_upgrade();
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
            if (!successor_.in_progress() && !shutdown_.has_begun())
                asio::co_spawn(control_, upgrade(), log::log_exception);
            break;
        default: stop_signal();
        }
    }
}

asio::awaitable<void> Process::upgrade() {
    if (const auto kept = co_await successor_.start()) {
        watchdog_.stop(); // the new process is the main one now
        begin_stop(*kept);
    }
    reloader_.resume();
}

void Process::stop_signal() {
    if (std::exchange(told_to_stop_, true)) {
        spdlog::warn("second signal: stopping at once");
        return shutdown_.end(ExitCode::cut_off);
    }
    if (shutdown_.has_begun()) return spdlog::info("another process has taken over: this one is already finishing");
    notify_stopping(runtime_.snapshot()->config.process.drain_timeout + time_to_end);
    begin_stop();
}

void Process::begin_stop(const std::set<int>& kept_by_another) {
    watch_.stop();
    shutdown_.begin(kept_by_another);
}

} // namespace weir::proxy
