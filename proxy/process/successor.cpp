#include "proxy/process/successor.h"

#include "base/timer.h"
#include "proxy/process/systemd_notify.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr int max_upgrade_tries = 3; // while the configuration keeps changing
constexpr const char* container_ends =
    "this process is PID 1: when it exits, its container stops, and the new process too; replace the container";

} // namespace

asio::awaitable<std::optional<std::set<int>>> Successor::start() {
    spdlog::info("upgrade: starting the new process");
    upgrade_ = std::make_unique<Upgrade>(control_, own_command_line());
    Result<void> result;
    try {
        result = co_await hand_over();
    } catch (const std::exception& e) { // out of memory or descriptors
        result = Error(e.what());
    }
    const auto done = std::move(upgrade_);
    if (!result || stopping_) {
        report_failure(*done, result);
        co_return std::nullopt;
    }
    spdlog::info("upgrade: process {} has taken over", done->process());
    if (!done->unused().contains("admin")) admin_.leave();
    co_return kept_sockets(*done);
}

// If files change while the new process starts, reloads them and retries. Fails if the new process does not serve.
asio::awaitable<Result<void>> Successor::hand_over() {
    if (::getpid() == 1) co_return Error(container_ends);
    for (int tries = 1;; ++tries) {
        auto result = co_await reloader_.settle_files();
        if (!result || stopping_) co_return result;
        reloader_.hold();
        result = co_await run_upgrade();
        if (result && !stopping_) result = co_await upgrade_->confirm();
        if (result || stopping_ || tries == max_upgrade_tries) co_return result;
        const auto now = co_await reloader_.parts().next.peek();
        if (now.hash == reloader_.parts().hash_in_force()) co_return result;
        spdlog::warn("upgrade: {}; the configuration has changed since then: trying again", result.error().message());
        admin_.end_upgrade();
        upgrade_ = std::make_unique<Upgrade>(control_, own_command_line());
        reloader_.resume();
    }
}

// Starts the new process, and waits until it serves.
asio::awaitable<Result<void>> Successor::run_upgrade() {
    while (reloader_.in_progress()) // the new process must find a stable configuration
        co_await sleep_for(std::chrono::milliseconds(20));
    if (stopping_) co_return Error("weir is stopping");
    admin_.begin_upgrade(); // not earlier, because a reload may take long
    auto state = runtime_.hand_over();
    auto admin = admin_.hand_over();
    if (!admin) co_return admin.error();
    state.admin = *std::move(admin);
    co_return co_await upgrade_->run(state);
}

std::set<int> Successor::kept_sockets(const Upgrade& upgrade) const {
    std::set<int> kept;
    for (const auto& [address, sockets] : runtime_.data_plane().sockets()) {
        if (upgrade.unused().contains(address.text())) continue;
        for (const auto& socket : sockets) kept.insert(socket->get());
    }
    return kept;
}

void Successor::report_failure(const Upgrade& upgrade, const Result<void>& result) {
    const bool started = upgrade.process() >= 0;
    const auto reason = result ? std::string("weir is stopping") : result.error().message();
    spdlog::error("{}: {}; this one {}", started ? "upgrade: the new process has not taken over" : "upgrade refused",
                  reason, stopping_ ? "stops" : "continues");
    admin_.end_upgrade();
    if (stopping_) return;
    const auto to =
        started ? "the upgrade to process " + std::to_string(upgrade.process()) : std::string("the upgrade");
    notify_ready(to + " failed: " + reason); // the new process may have notified systemd already
}

void Successor::abandon() {
    stopping_ = true;
    if (upgrade_) upgrade_->abandon();
}

} // namespace weir::proxy
