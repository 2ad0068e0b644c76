#include "proxy/reload/config_change.h"

#include "proxy/reload/denial.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr int max_attempts = 21; // before a change gives up

} // namespace

asio::awaitable<std::vector<std::string>> ConfigChange::start(conf::Loaded loaded) {
    if (loaded.seen_hash.empty()) next_.mark_seen(loaded); // otherwise the file has not been judged yet
    next_.watch(loaded);
    conf::LastGood started{loaded.hash, std::move(loaded.sources)};
    const auto problems = co_await runtime_.apply(std::move(loaded.config), loaded.hash);
    std::vector<std::string> errors;
    errors.reserve(problems.size());
    for (const auto& problem : problems) errors.push_back(loaded.format(problem));
    if (!errors.empty()) co_return errors;
    membership_.agent().follow(runtime_.snapshot()->config.reload);
    canary_.start_with(std::move(started));
    co_return errors;
}

asio::awaitable<conf::Loaded> ConfigChange::load(Force force) {
    const auto pushed = next_.pushed().number;
    auto loaded = co_await next_.load(force);
    if (next_.pushed().number != pushed) membership_.forget_refusal(); // it concerned another version
    co_return loaded;
}

asio::awaitable<ReloadReport> ConfigChange::run(conf::Loaded loaded, ReloadTrigger trigger, Force force) {
    const auto began = clock_.wall_now();
    membership_.forget_refusal();
    membership_.begin(next_.pushed());
    ReloadReport report;
    if (state_.is_stopping) {
        report.hash = loaded.hash;
        report.refuse(Refusal::for_now(stopping));
    } else {
        auto change = co_await judge_now(std::move(loaded), force);
        if (change.is_refused()) report = report_of(change);
        else if (change.plan.empty()) report = co_await apply_equivalent(std::move(change));
        else report = co_await try_until_decided(std::move(change), trigger, force);
        runtime_.forget_names(); // names that a refused configuration had resolved
        next_.watch_in_force();
        if (report.is_success()) canary_.forget_rejected_tls_files();
        co_await renew_files(); // even after a success: a file may have changed within the canary window
        co_await membership_.settle(report);
    }
    report.trigger = trigger;
    report.at = began;
    co_return report;
}

asio::awaitable<JudgedChange> ConfigChange::judge_now(conf::Loaded loaded, Force force) {
    co_await learn_of_unban(store_, membership_.agent(), loaded.hash);
    next_.mark_seen(loaded);
    membership_.begin(next_.pushed());
    const auto* denied = store_.find_bad(loaded.hash);
    co_return judge(std::move(loaded), *runtime_.snapshot(), denied, force);
}

// Tries again while other machines make a change first.
asio::awaitable<ReloadReport> ConfigChange::try_until_decided(JudgedChange change, ReloadTrigger trigger, Force force) {
    for (int attempts = 1; !change.is_refused(); ++attempts) {
        auto attempt = co_await locked_.try_once(std::move(change), trigger, force);
        if (attempt.end == ChangeAttempt::End::decided) co_return attempt.report;
        if (attempts == max_attempts) {
            attempt.report.refuse(Refusal::for_now("gave up after " + std::to_string(max_attempts) +
                                                   " attempts: other machines kept changing the fleet first"));
            co_return attempt.report;
        }
        runtime_.forget_names();
        auto loaded = co_await load(force);
        change = co_await judge_now(std::move(loaded), force);
    }
    co_return report_of(change);
}

// Perhaps only a comment has changed: this needs no lock, but the hash becomes the one in force.
asio::awaitable<ReloadReport> ConfigChange::apply_equivalent(JudgedChange change) {
    const auto problems = co_await runtime_.apply(std::move(change.loaded.config), change.loaded.hash);
    for (const auto& problem : problems) change.refusal.add_here(change.loaded.format(problem)); // perhaps a token file
    co_return report_of(change);
}

asio::awaitable<void> ConfigChange::renew_files() {
    const auto found = co_await next_.compare_files(canary_.rejected_tls_files());
    if (found.tls == NextConfig::TlsFiles::rejected)
        spdlog::warn("certificates are not renewed: a TLS file still has what a change brought that was rolled back; "
                     "restore it, or apply a configuration (weir reload)");
    if (found.others == NextConfig::OtherFiles::changed) co_await renew(RenewedFiles::pages_and_users);
    if (found.tls == NextConfig::TlsFiles::changed) co_await renew(RenewedFiles::tls);
}

asio::awaitable<void> ConfigChange::renew(RenewedFiles which) {
    for (const auto& problem : co_await runtime_.renew_files(which))
        spdlog::warn("{}: {}; the earlier files stay in force", problem.path, problem.reason);
}

asio::awaitable<void> ConfigChange::end_window_if_newer(Force force) {
    // Passwords do not wait for the end of the window.
    const auto found = co_await next_.compare_files({});
    if (found.others == NextConfig::OtherFiles::changed) co_await renew(RenewedFiles::pages_and_users);
    auto loaded = co_await next_.peek();
    const auto& in_force = *runtime_.snapshot();
    if (!loaded.ok() || loaded.hash == in_force.hash || !canary_.window().is_open()) co_return;
    const auto* denied = store_.find_bad(loaded.hash);
    const auto change = judge(std::move(loaded), in_force, denied, force);
    if (!change.is_refused() && !change.plan.empty()) canary_.end_window(RollbackCause::newer_file);
}

} // namespace weir::proxy
