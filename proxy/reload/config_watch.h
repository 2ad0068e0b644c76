// Requests a reload when the configuration files may have changed, after their writer has finished (settling.h) or a
// timeout has passed.
//
// Thread: the control thread.
// Lifetime: must outlive its coroutines. The listener must outlive it, and is called until `stop`.
#pragma once

#include "base/timer.h"
#include "conf/watch/watch.h"
#include "proxy/reload/config_files.h"
#include "proxy/reload/settling.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <optional>
#include <string>
#include <vector>

namespace weir::proxy {

class ConfigWatchListener {
public:
    // Called when the files may have changed and are at rest.
    virtual void on_files_changed() = 0;

protected:
    ~ConfigWatchListener() = default;
};

class ConfigWatch : public ConfigFiles {
public:
    ConfigWatch(boost::asio::io_context& control, ConfigWatchListener& listener);
    ~ConfigWatch() override;
    ConfigWatch(const ConfigWatch&) = delete;
    ConfigWatch& operator=(const ConfigWatch&) = delete;

    // Sets the files to watch. New files count as changed, because an edit between reading and watching would go
    // unnoticed.
    void set_files(const std::vector<std::string>& files) override;
    bool are_being_written() const override { return settling_.due() && files_.has_writer(); }
    conf::WatchMode mode() const override { return files_.mode(); }
    const std::optional<std::string>& problem() const override { return files_.problem(); }
    void start();
    // Calls the listener once the files are at rest, as after an edit, because an edit may have gone unnoticed.
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
    ConfigWatchListener& listener_;
    conf::FileWatch files_;
    Settling settling_;
    boost::asio::posix::stream_descriptor descriptor_;
    Timer rest_;
    std::optional<std::string> logged_problem_;
    bool started_ = false, stopped_ = false;
};

} // namespace weir::proxy
