// Asks for a reload when the configuration's files may have changed, once whoever writes them has come to rest.
//
// Thread: the control thread.
// Lifetime: must outlive its coroutines; `on_change` is called until `stop`.
#pragma once

#include "conf/watch.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <string>
#include <vector>

namespace weir::proxy {

class ConfigWatch {
public:
    ConfigWatch(boost::asio::io_context& control, std::function<void()> on_change);
    ~ConfigWatch();
    ConfigWatch(const ConfigWatch&) = delete;
    ConfigWatch& operator=(const ConfigWatch&) = delete;

    // What was read and is to be watched. An edit between the two goes unseen: where something is new, `on_change`
    // follows.
    void set_files(const std::vector<std::string>& files);
    void start();
    void stop() { stopped_ = true; }

private:
    boost::asio::awaitable<void> follow();
    boost::asio::awaitable<void> refresh();

    boost::asio::io_context& control_;
    std::function<void()> on_change_;
    conf::FileWatch files_;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer timer_;
    bool started_ = false, stopped_ = false;
};

} // namespace weir::proxy
