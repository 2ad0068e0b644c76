#include "proxy/reload/config_watch.h"

#include "base/use_nothrow_awaitable.h"
#include "proxy/log/logger.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr auto refresh_interval = std::chrono::seconds(1);

} // namespace

ConfigWatch::ConfigWatch(asio::io_context& control, ConfigWatchListener& listener)
    : control_(control), listener_(listener), descriptor_(control), rest_(control) {
    adopt_descriptor();
}

ConfigWatch::~ConfigWatch() {
    if (descriptor_.is_open()) descriptor_.release(); // `files_` closes it
}

void ConfigWatch::adopt_descriptor() {
    boost::system::error_code error;
    if (files_.descriptor() >= 0 && !descriptor_.is_open()) descriptor_.assign(files_.descriptor(), error);
    if (started_ && descriptor_.is_open()) asio::co_spawn(control_, follow(), log::log_exception);
}

void ConfigWatch::set_files(const std::vector<std::string>& files) {
    if (files_.set_files(files) == conf::Watched::changed && started_) check_soon();
}

void ConfigWatch::check_soon() { settle(files_.has_writer() ? Writer::open : Writer::closed); }

void ConfigWatch::start() {
    started_ = true;
    log_problem();
    adopt_descriptor();
    asio::co_spawn(control_, refresh(), log::log_exception);
}

void ConfigWatch::stop() {
    stopped_ = true;
    rest_.cancel();
}

asio::awaitable<void> ConfigWatch::follow() {
    while (descriptor_.is_open() && !stopped_) {
        const auto [error] =
            co_await descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, use_nothrow_awaitable);
        if (error) co_return;
        // Changes to unrelated files, such as logs or temporary copies, are ignored.
        if (files_.read_events() == conf::Watched::changed) settle(files_.has_writer() ? Writer::open : Writer::closed);
    }
}

// Polls, because directories may appear and disappear (mounts, checkouts) and some changes raise no event.
asio::awaitable<void> ConfigWatch::refresh() {
    while (!stopped_) {
        co_await sleep_for(refresh_interval);
        const auto mode = files_.mode();
        const auto seen = files_.refresh();
        if (files_.mode() != mode) adopt_descriptor();
        log_problem();
        if (seen == conf::Watched::changed) settle(files_.has_writer() ? Writer::open : Writer::unknown);
    }
}

void ConfigWatch::settle(Writer writer) {
    if (stopped_) return;
    settling_.note(rest_.now(), writer);
    wait_for_rest();
}

void ConfigWatch::wait_for_rest() {
    rest_.expires_at(*settling_.due());
    rest_.wait([this](WaitEnd end) {
        if (end == WaitEnd::cancelled || stopped_ || !settling_.due()) return;
        if (*settling_.due() > rest_.now()) return wait_for_rest();
        if (files_.has_writer())
            spdlog::warn("reading the configuration although a program still has one of its files open for writing");
        settling_.done();
        files_.forget_writers();
        listener_.on_files_changed();
    });
}

void ConfigWatch::log_problem() {
    if (files_.problem() == logged_problem_) return;
    logged_problem_ = files_.problem();
    if (logged_problem_) spdlog::warn("{}; polling the configuration files every second instead", *logged_problem_);
    else spdlog::info("watching the configuration files with inotify again");
}

} // namespace weir::proxy
