#include "proxy/reload/state_store.h"

#include "base/clock.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <chrono>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

using Saved = Result<void>;

asio::awaitable<Saved> save_good(conf::LastGoodStore store, conf::LastGood good) { co_return store.save(good); }

// Reads the list first, because other processes may share the directory. If it cannot be read, it is left unchanged.
template <class Change> Saved change_list(const std::string& state_dir, Change change) {
    auto all = conf::Denylist::read(state_dir);
    if (!all) return all.error();
    change(*all);
    return all->save(state_dir);
}

asio::awaitable<Saved> add_bad(std::string state_dir, conf::DeniedConfig bad) {
    co_return change_list(state_dir, [&](auto& all) { all.add(std::move(bad)); });
}

asio::awaitable<Saved> forget_bad(std::string state_dir, std::string hash) {
    co_return change_list(state_dir, [&](auto& all) { all.forget(hash); });
}

asio::awaitable<Saved> keep_there(PushedVersion mark, lock::FleetVersion pushed) { co_return mark.write(pushed); }

void log_error(const char* what, const Saved& saved) {
    if (!saved) spdlog::error("state_dir: cannot store {}: {}", what, saved.error().message());
}

} // namespace

StateStore::StateStore(std::string state_dir, const std::string& main_file)
    : state_dir_(std::move(state_dir)), good_(state_dir_, main_file), fences_(disk_.executor(), state_dir_) {
    if (auto stored = conf::Denylist::read(state_dir_)) bad_ = *std::move(stored); // an error was shown at the start
}

asio::awaitable<void> StateStore::record_good(conf::LastGood good) {
    const auto hash = good.hash;
    const auto error =
        co_await asio::co_spawn(disk_.executor(), save_good(good_, std::move(good)), asio::use_awaitable);
    log_error("the last good configuration", error);
    co_await unban(hash);
}

asio::awaitable<void> StateStore::unban(std::string hash) {
    if (!bad_.forget(hash)) co_return;
    const auto error = co_await asio::co_spawn(disk_.executor(), forget_bad(state_dir_, hash), asio::use_awaitable);
    log_error("the denylist", error);
}

asio::awaitable<void> StateStore::record_bad(std::string hash, std::string reason) {
    const auto fence = co_await fence_watermark();
    const auto now = clock_of(co_await asio::this_coro::executor).wall_now();
    const conf::DeniedConfig bad{std::move(hash), std::chrono::system_clock::to_time_t(now), fence, std::move(reason)};
    bad_.add(bad);
    const auto error = co_await asio::co_spawn(disk_.executor(), add_bad(state_dir_, bad), asio::use_awaitable);
    log_error("the denylist", error);
}

asio::awaitable<std::uint64_t> StateStore::fence_watermark() const {
    const auto fence = co_await fences_.read();
    co_return fence ? *fence : 0;
}

asio::awaitable<Result<void>> StateStore::admit(std::uint64_t fence, std::string hash) {
    auto admitted = co_await fences_.admit(fence, std::move(hash));
    if (admitted) co_return admitted;
    if (admitted.error() == lock::LockError::lost)
        co_return Error("this machine has made a later change: the fence of this one, " + std::to_string(fence) +
                        ", is too low");
    co_return Error("cannot store the fence in state_dir: " + admitted.error().message());
}

asio::awaitable<void> StateStore::store_pushed(std::string fleet, lock::FleetVersion version) {
    const PushedVersion mark(state_dir_, fleet);
    const auto error =
        co_await asio::co_spawn(disk_.executor(), keep_there(mark, std::move(version)), asio::use_awaitable);
    log_error("the version of the pushed configuration", error);
}

} // namespace weir::proxy
