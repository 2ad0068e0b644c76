#include "proxy/config_watch.h"

#include "proxy/log/logger.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr auto debounce = std::chrono::milliseconds(100);
constexpr int most_steps = 20; // of waiting for rest
constexpr auto refresh_interval = std::chrono::seconds(1);

} // namespace

ConfigWatch::ConfigWatch(asio::io_context& control, std::function<void()> on_change)
    : control_(control), on_change_(std::move(on_change)), descriptor_(control), timer_(control) {
    if (files_.descriptor() >= 0) descriptor_.assign(files_.descriptor());
}

ConfigWatch::~ConfigWatch() {
    if (descriptor_.is_open()) descriptor_.release(); // `files_` closes it
}

void ConfigWatch::set_files(const std::vector<std::string>& files) {
    if (files_.set_files(files) == conf::Watched::changed && started_ && !stopped_) asio::post(control_, on_change_);
}

void ConfigWatch::start() {
    started_ = true;
    asio::co_spawn(control_, follow(), log::tell_failure);
    asio::co_spawn(control_, refresh(), log::tell_failure);
}

asio::awaitable<void> ConfigWatch::follow() {
    asio::steady_timer quiet(control_);
    while (descriptor_.is_open() && !stopped_) {
        const auto [error] = co_await descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, token);
        if (error) co_return;
        // Editors write in several steps: wait until they have come to rest, but not for ever.
        int steps = 0;
        for (; files_.read_events() == conf::Watched::changed && steps < most_steps; ++steps) {
            quiet.expires_after(debounce);
            co_await quiet.async_wait(token);
        }
        const bool others = steps == 0; // their files beside it: a log, a copy that is about to be renamed
        if (!others && !stopped_) on_change_();
    }
}

// Directories come and go: a mount, a checkout.
asio::awaitable<void> ConfigWatch::refresh() {
    while (!stopped_) {
        timer_.expires_after(refresh_interval);
        co_await timer_.async_wait(token);
        if (files_.refresh() == conf::Watched::changed && !stopped_) on_change_();
    }
}

} // namespace weir::proxy
