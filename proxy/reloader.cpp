#include "proxy/reloader.h"

#include "lock/local_lock.h"
#include "lock/redis_lock.h"
#include "proxy/log/logger.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr auto never = asio::steady_timer::time_point::max();

// How others see who holds the lock.
std::string holder_name() {
    char host[256] = "unknown";
    ::gethostname(host, sizeof host - 1);
    return std::string(host) + ":" + std::to_string(::getpid());
}

void refuse(ReloadReport& report, std::string why) {
    report.verdict = ReloadVerdict::refused;
    report.errors.push_back(std::move(why));
}

asio::awaitable<conf::Loaded> load_there(std::string path) { co_return conf::load(path); }

void write_to_log(const ReloadReport& report) {
    const auto hash = report.hash.substr(0, 12);
    switch (report.verdict) {
    case ReloadVerdict::applied:
        spdlog::info("reload applied: {} changes, hash {}, fence {}, {} ms", report.plan.changes.size(), hash,
                     report.fence, report.took.count());
        for (const auto& change : report.plan.changes) spdlog::info("  {}", change.text());
        break;
    case ReloadVerdict::unchanged:
        spdlog::info("reload: the file means what is in force already (hash {})", hash);
        break;
    case ReloadVerdict::refused:
        spdlog::error("reload refused, the running configuration stays");
        for (const auto& error : report.errors) spdlog::error("  {}", error);
        break;
    }
}

} // namespace

Reloader::Reloader(asio::io_context& control, Running& running, std::string path,
                   std::function<void(const std::vector<std::string>&)> on_files)
    : control_(control), now_(running), path_(std::move(path)), on_files_(std::move(on_files)), wanted_(control, never),
      finished_(control, never) {
    asio::co_spawn(control_, work(), log::tell_failure);
}

void Reloader::close() { closed_ = true; }

asio::awaitable<std::vector<std::string>> Reloader::start(conf::Loaded loaded) {
    seen_hash_ = loaded.hash;
    on_files_(loaded.watched);
    const auto hash = loaded.hash;
    const auto problems = co_await now_.apply(std::move(loaded.config), hash);
    std::vector<std::string> errors;
    for (const auto& problem : problems) errors.push_back(loaded.tell(problem));
    loaded_at_ = std::chrono::system_clock::now();
    last_ = {ReloadVerdict::applied, errors, {}, "start", hash, 0, {}, loaded_at_};
    co_return errors;
}

void Reloader::request(std::string trigger) {
    only_if_changed_ = false;
    request_if_changed(std::move(trigger));
}

void Reloader::request_if_changed(std::string trigger) {
    trigger_ = std::move(trigger);
    ++asked_;
    wanted_.cancel();
}

asio::awaitable<ReloadReport> Reloader::request_and_wait(std::string trigger) {
    request(std::move(trigger));
    const auto mine = asked_;
    while (answered_ < mine) co_await finished_.async_wait(token);
    co_return last_;
}

asio::awaitable<void> Reloader::work() {
    for (;;) {
        if (asked_ == answered_ || held_) {
            co_await wanted_.async_wait(token);
            continue;
        }
        const auto answers = asked_;
        running_now_ = true;
        const bool quietly = std::exchange(only_if_changed_, true);
        std::string failed;
        try {
            co_await answer(quietly);
        } catch (const std::exception& e) { // no memory, no thread
            failed = e.what();
        }
        if (!failed.empty()) {
            ReloadReport report;
            refuse(report, "internal error: " + failed);
            finish(report);
        }
        running_now_ = holds_lock_ = false;
        answered_ = answers;
        finished_.cancel();
    }
}

asio::awaitable<void> Reloader::answer(bool quietly) {
    auto loaded = co_await load();
    // A watch only tells that something may have happened.
    if (quietly && loaded.hash == seen_hash_) co_return;
    const auto report = co_await reload_once(std::move(loaded));
    finish(report);
}

void Reloader::finish(const ReloadReport& report) {
    auto& count = report.verdict == ReloadVerdict::applied     ? counts_.applied
                  : report.verdict == ReloadVerdict::unchanged ? counts_.unchanged
                                                               : counts_.refused;
    ++count;
    if (report.verdict == ReloadVerdict::applied) loaded_at_ = std::chrono::system_clock::now();
    if (report.fence) fence_ = report.fence; // one applied without the lock leaves the last fence standing
    write_to_log(report);
    last_ = report;
}

asio::awaitable<conf::Loaded> Reloader::load() {
    auto loaded = co_await asio::co_spawn(disk_, load_there(path_), asio::use_awaitable);
    on_files_(loaded.watched);
    co_return loaded;
}

std::unique_ptr<lock::Lock> Reloader::make_lock() const {
    const auto& config = now_.snapshot()->config;
    const auto& settings = config.reload.lock;
    if (settings.type == conf::LockType::local) return std::make_unique<lock::LocalLock>(config.process.state_dir);
    const auto& server = settings.servers.at(0);
    lock::RedisOptions redis{server.url, server.username, server.password.text, std::chrono::milliseconds(1000)};
    return std::make_unique<lock::RedisLock>(
        control_.get_executor(),
        lock::RedisLockOptions{std::move(redis), settings.fleet, settings.ttl, config.process.state_dir});
}

// What can be told without the lock. True where that is the end of it.
bool Reloader::refuse_early(const conf::Loaded& loaded, ReloadReport& report) {
    seen_hash_ = loaded.hash;
    report.hash = loaded.hash;
    report.errors.clear();
    for (const auto& error : loaded.errors) report.errors.push_back(error.text());
    if (!loaded.ok()) {
        report.verdict = ReloadVerdict::refused;
        return true;
    }
    report.plan = conf::plan(conf::describe(now_.snapshot()->config), conf::describe(loaded.config));
    for (const auto& change : report.plan.changes)
        if (change.applies == conf::Applies::needs_restart) refuse(report, loaded.tell({change.kind, change.text()}));
    return report.verdict == ReloadVerdict::refused;
}

asio::awaitable<ReloadReport> Reloader::reload_once(conf::Loaded first) {
    const auto began = std::chrono::steady_clock::now();
    ReloadReport report;
    report.trigger = trigger_;
    if (refuse_early(first, report)) co_return report;
    if (report.plan.empty()) { // a comment may have changed: nothing that needs a lock
        report.verdict = ReloadVerdict::unchanged;
        co_await now_.apply(std::move(first.config), first.hash);
        co_return report;
    }
    const auto settings = now_.snapshot()->config.reload.lock;
    const std::shared_ptr<lock::Lock> lock = make_lock();
    const auto dice = [this] { return std::uniform_real_distribution<double>(0, 1)(random_); };
    const auto lease = co_await lock::acquire(*lock, holder_name(), settings.wait, dice);
    if (lease) {
        holds_lock_ = true;
        lock::Keeper keeper(lock, control_.get_executor(), *lease);
        report.fence = lease->fence;
        co_await reload_locked(report, &keeper);
        co_await keeper.release();
        holds_lock_ = false;
    } else {
        ++counts_.lock_failures;
        const bool unavailable = lease.error() == lock::LockError::unavailable;
        const auto why = "lock " + lease.error().message() + (unavailable ? ": " + lock->last_problem() : "");
        if (unavailable && settings.on_unavailable == conf::OnUnavailable::proceed) {
            spdlog::warn("{}; reloading without it (reload.lock.on_unavailable: proceed)", why);
            co_await reload_locked(report, nullptr);
        } else {
            refuse(report, why);
        }
    }
    report.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    co_return report;
}

// The file may have changed while others held the lock: what counts is what it says now.
asio::awaitable<void> Reloader::reload_locked(ReloadReport& report, const lock::Keeper* keeper) {
    auto loaded = co_await load();
    if (refuse_early(loaded, report)) co_return;
    if (keeper && !keeper->is_held()) refuse(report, "the lock was lost before the change was made");
    if (closed_) refuse(report, "weir is stopping");
    if (report.verdict == ReloadVerdict::refused) co_return;
    report.verdict = report.plan.empty() ? ReloadVerdict::unchanged : ReloadVerdict::applied;
    const auto problems = co_await now_.apply(std::move(loaded.config), loaded.hash);
    for (const auto& problem : problems) refuse(report, loaded.tell(problem));
}

} // namespace weir::proxy
