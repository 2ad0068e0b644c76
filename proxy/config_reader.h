// Where the next configuration comes from: the file and what it includes, or what was given to the fleet.
//
// Thread: the control thread; files are read, and texts parsed, on a thread of their own.
// Lifetime: the fleet must outlive it.
#pragma once

#include "conf/load.h"
#include "proxy/disk_thread.h"
#include "proxy/fleet.h"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string>
#include <vector>

namespace weir::proxy {

class ConfigReader {
public:
    using OnFiles = std::function<void(const std::vector<std::string>&)>;

    // `on_files` is told what to watch after each configuration that was read.
    ConfigReader(Fleet& fleet, std::string path, OnFiles on_files);

    boost::asio::awaitable<conf::Loaded> load(conf::ConfigSource from);
    // `known`, where nothing has changed since it was read.
    boost::asio::awaitable<conf::Loaded> load_again(conf::ConfigSource from, conf::Loaded known);
    // A configuration that is given as texts, read with this machine's environment.
    boost::asio::awaitable<conf::Loaded> read(std::vector<conf::SourceFile> files);

    // What was given to the fleet and was read last; its number is 0: none.
    const lock::FleetVersion& given() const { return given_; }

    // What was read elsewhere.
    void watch(const conf::Loaded& loaded) const { on_files_(loaded.watched); }
    const std::string& path() const { return path_; }
    DiskThread& disk() { return disk_; }

private:
    boost::asio::awaitable<conf::Loaded> load_given();
    conf::Loaded fail(std::string why) const;

    Fleet& fleet_;
    const std::string path_;
    const OnFiles on_files_;
    lock::FleetVersion given_;
    DiskThread disk_;
};

} // namespace weir::proxy
