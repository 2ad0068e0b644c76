#include "proxy/reload/start_watch.h"

#include "proxy/log/logger.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace weir::proxy {

void StartWatch::begin(conf::LastGood started) {
    started_ = std::move(started);
    resume();
}

void StartWatch::interrupt() {
    if (window_) window_->close();
}

void StartWatch::resume() {
    if (!started_) return;
    window_ = std::make_shared<CanaryWindow>(control_, runtime_);
    boost::asio::co_spawn(control_, watch(window_, *started_), log::log_exception);
}

boost::asio::awaitable<void> StartWatch::watch(std::shared_ptr<CanaryWindow> window, conf::LastGood started) {
    if (const auto rules = runtime_.snapshot()->config.reload.rollback) {
        window->changed(); // do not blame this configuration for errors under another one
        const auto verdict = co_await window->watch(*rules, nullptr);
        if (verdict.end == WindowEnd::closed) co_return;
        started_.reset();
        if (verdict.end == WindowEnd::failed) {
            spdlog::warn("not stored as the last good configuration: {}", verdict.reason);
            co_return;
        }
    }
    started_.reset();
    co_await store_.record_good(std::move(started));
}

} // namespace weir::proxy
