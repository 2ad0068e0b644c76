// Requests a reload when the configuration files may have changed, after their writer has finished (settling.h) or a
// timeout has passed.
//
// Thread: the control thread.
// Lifetime: must outlive its coroutines; calls `on_change` until `stop`.
#pragma once

#include "conf/watch/watch.h"
#include "proxy/reload/config_files.h"
#include "proxy/reload/settling.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <string>
#include <vector>

namespace weir::proxy {

class ConfigWatch : public ConfigFiles {
public:
    ConfigWatch(boost::asio::io_context& control, std::function<void()> on_change);
    ~ConfigWatch() override;
    ConfigWatch(const ConfigWatch&) = delete;
    ConfigWatch& operator=(const ConfigWatch&) = delete;

    // Sets the files to watch. An edit between reading and watching would go unseen, so new files trigger `on_change`.
    void set_files(const std::vector<std::string>& files) override;
    bool are_being_written() const override { return settling_.due() && files_.has_writer(); }
    conf::WatchMode mode() const override { return files_.mode(); }
    const std::string& problem() const override { return files_.problem(); }
    void start();
    // Calls `on_change` once the files are at rest, as after an edit, because they may have been edited unseen.
    void check_soon();
    void stop();

private:
    boost::asio::awaitable<void> follow();
    boost::asio::awaitable<void> refresh();
    void adopt_descriptor();
    void settle(Writer writer);
    void wait_for_rest();
    void log_problem();

    boost::asio::io_context& control_;
    std::function<void()> on_change_;
    conf::FileWatch files_;
    Settling settling_;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer timer_, rest_;
    std::string logged_problem_;
    bool started_ = false, stopped_ = false;
};

} // namespace weir::proxy
