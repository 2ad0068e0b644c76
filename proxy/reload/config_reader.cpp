#include "proxy/reload/config_reader.h"

#include "conf/store/last_good.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

asio::awaitable<conf::Loaded> load_there(std::string path) { co_return conf::load(path); }

asio::awaitable<conf::Loaded> load_again_there(conf::Loaded known) { co_return conf::load_again(std::move(known)); }

asio::awaitable<conf::Loaded> read_there(std::vector<conf::SourceFile> files) { co_return conf::load_sources(files); }

} // namespace

ConfigReader::ConfigReader(FleetAgent& fleet, std::string path, const ConfigFiles& files)
    : fleet_(fleet), path_(std::move(path)), files_(files) {}

asio::awaitable<conf::Loaded> ConfigReader::load_from(conf::ConfigSource from, lock::FleetVersion& version) {
    if (from == conf::ConfigSource::fleet) co_return co_await load_pushed(version);
    co_return co_await asio::co_spawn(disk_.executor(), load_there(path_), asio::use_awaitable);
}

asio::awaitable<conf::Loaded> ConfigReader::peek(conf::ConfigSource from) {
    auto version = pushed_;
    co_return co_await load_from(from, version);
}

asio::awaitable<conf::Loaded> ConfigReader::load(conf::ConfigSource from) {
    co_return co_await load_from(from, pushed_);
}

asio::awaitable<conf::Loaded> ConfigReader::load_again(conf::ConfigSource from, conf::Loaded known) {
    if (from == conf::ConfigSource::fleet) co_return co_await load(from);
    if (files_.are_being_written()) co_return known;
    co_return co_await asio::co_spawn(disk_.executor(), load_again_there(std::move(known)), asio::use_awaitable);
}

asio::awaitable<conf::Loaded> ConfigReader::read(std::vector<conf::SourceFile> files) {
    co_return co_await asio::co_spawn(disk_.executor(), read_there(std::move(files)), asio::use_awaitable);
}

asio::awaitable<conf::Loaded> ConfigReader::load_pushed(lock::FleetVersion& version) {
    const auto configs = fleet_.configs();
    if (!configs) co_return fail("this machine is no longer in a fleet");
    const auto pushed = co_await configs->newest();
    if (!pushed)
        co_return fail("cannot reach the fleet: " + pushed.error().message() +
                       "; if its servers are gone for good, weir reload --force applies this machine's own file if it "
                       "names other servers");
    if ((*pushed ? (*pushed)->version.number : 0) < fleet_.newest().number)
        co_return fail("the fleet's servers have lost the pushed configuration");
    if (!*pushed) co_return co_await asio::co_spawn(disk_.executor(), load_there(path_), asio::use_awaitable);
    version = (*pushed)->version;
    auto bundle = conf::last_good_from((*pushed)->text);
    if (!bundle) {
        auto loaded = fail("cannot read the pushed configuration: " + bundle.error().message());
        loaded.hash = version.hash; // retrying would not help
        co_return loaded;
    }
    co_return co_await read(std::move(bundle->files));
}

conf::Loaded ConfigReader::fail(std::string reason) const {
    conf::Loaded loaded;
    loaded.files.push_back(path_);
    loaded.errors.push_back({path_, 0, 0, "reload.source", std::move(reason)});
    return loaded;
}

} // namespace weir::proxy
