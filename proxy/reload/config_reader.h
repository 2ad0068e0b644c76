// Loads the next configuration: from the file and its includes, or from the version pushed to the fleet.
//
// Thread: the control thread; a thread of its own reads and parses the files.
// Lifetime: the fleet agent and `files` must outlive it.
#pragma once

#include "base/blocking_thread.h"
#include "conf/read/load.h"
#include "proxy/fleet/fleet_agent.h"
#include "proxy/reload/config_files.h"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <vector>

namespace weir::proxy {

class ConfigReader {
public:
    ConfigReader(FleetAgent& fleet, std::string path, const ConfigFiles& files);

    // Loads the configuration from this source. The result contains the errors.
    boost::asio::awaitable<conf::Loaded> load(conf::ConfigSource from);
    // Like `load`, but does not change `pushed`.
    boost::asio::awaitable<conf::Loaded> peek(conf::ConfigSource from);
    // Returns `known` if nothing has changed since it was read, or while a program is writing the files.
    boost::asio::awaitable<conf::Loaded> load_again(conf::ConfigSource from, conf::Loaded known);
    // Parses a configuration given as texts, in this machine's environment.
    boost::asio::awaitable<conf::Loaded> read(std::vector<conf::SourceFile> files);

    // Returns the pushed version that was read last; its number is 0 if there is none.
    const lock::FleetVersion& pushed() const { return pushed_; }

    const std::string& path() const { return path_; }
    BlockingThread& disk() { return disk_; }

private:
    boost::asio::awaitable<conf::Loaded> load_from(conf::ConfigSource from, lock::FleetVersion& version);
    boost::asio::awaitable<conf::Loaded> load_pushed(lock::FleetVersion& version);
    conf::Loaded fail(std::string reason) const;

    FleetAgent& fleet_;
    const std::string path_;
    const ConfigFiles& files_;
    lock::FleetVersion pushed_;
    BlockingThread disk_;
};

} // namespace weir::proxy
