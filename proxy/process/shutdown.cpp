#include "proxy/process/shutdown.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

void Shutdown::begin(const std::set<int>& kept_by_another) {
    if (phase_ == Phase::serving) phase_ = Phase::draining;
    reloader_.close(kept_by_another.empty() ? Presence::ends : Presence::goes_on);
    successor_.abandon();
    if (kept_by_another.empty()) admin_.set_draining();
    const auto limit = runtime_.snapshot()->config.process.drain_timeout;
    runtime_.data_plane().workers().count_open([limit](const OpenWork& open) {
        spdlog::info("stopping: {} open; closing what is still open in {} (process.drain_timeout)", format(open),
                     conf::format(limit));
    });
    runtime_.data_plane().drain(kept_by_another, [this] { end(ExitCode::done); });
    drain_timer_.expires_after(limit);
    drain_timer_.wait([this, limit](WaitEnd how) {
        if (how == WaitEnd::expired && phase_ != Phase::ended) cut_off(limit);
    });
}

void Shutdown::cut_off(conf::Duration limit) {
    runtime_.data_plane().workers().count_open([this, limit](const OpenWork& open) {
        if (phase_ == Phase::ended) return;
        spdlog::warn("stopping: closing {} still open after {} (process.drain_timeout)", format(open),
                     conf::format(limit));
        end(ExitCode::cut_off);
    });
}

void Shutdown::end(ExitCode code) {
    if (std::exchange(phase_, Phase::ended) == Phase::ended) return;
    code_ = code;
    reloader_.close(Presence::ends);
    successor_.abandon();
    admin_.stop();
    asio::co_spawn(control_, finish(), asio::detached);
}

// A reload in progress releases its lock and the fleet is notified first; others would have to wait for both to expire.
asio::awaitable<void> Shutdown::finish() {
    const auto& fleet = reloader_.parts().fleet();
    for (int i = 0; i < 100 && (reloader_.in_progress() || !fleet.has_left()); ++i)
        co_await sleep_for(std::chrono::milliseconds(20));
    control_.stop();
}

} // namespace weir::proxy
