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

ConfigReader::ConfigReader(FleetAgent& fleet, std::string path, ConfigFiles& files)
    : fleet_(fleet), path_(std::move(path)), files_(files) {}

asio::awaitable<conf::Loaded> ConfigReader::load_from(conf::ConfigSource from, lock::FleetVersion& version) {
    if (from == conf::ConfigSource::fleet) co_return co_await load_given(version);
    co_return co_await asio::co_spawn(disk_.executor(), load_there(path_), asio::use_awaitable);
}

asio::awaitable<conf::Loaded> ConfigReader::peek(conf::ConfigSource from) {
    auto version = given_;
    co_return co_await load_from(from, version);
}

asio::awaitable<conf::Loaded> ConfigReader::load(conf::ConfigSource from) {
    auto loaded = co_await load_from(from, given_);
    if (!loaded.hash.empty()) watch(loaded);
    co_return loaded;
}

asio::awaitable<conf::Loaded> ConfigReader::load_again(conf::ConfigSource from, conf::Loaded known) {
    if (from == conf::ConfigSource::fleet) co_return co_await load(from);
    if (files_.are_being_written()) co_return known;
    auto loaded = co_await asio::co_spawn(disk_.executor(), load_again_there(std::move(known)), asio::use_awaitable);
    watch(loaded);
    co_return loaded;
}

asio::awaitable<conf::Loaded> ConfigReader::read(std::vector<conf::SourceFile> files) {
    co_return co_await asio::co_spawn(disk_.executor(), read_there(std::move(files)), asio::use_awaitable);
}

asio::awaitable<conf::Loaded> ConfigReader::load_given(lock::FleetVersion& version) {
    const auto configs = fleet_.configs();
    if (!configs) co_return fail("there is no fleet any more");
    const auto given = co_await configs->newest();
    if (!given)
        co_return fail("the fleet cannot be asked: " + given.error().message() +
                       "; if its servers are gone for good, weir reload --force applies a file of this machine that "
                       "names others");
    if ((*given ? (*given)->version.number : 0) < fleet_.newest().number)
        co_return fail("the fleet's servers have lost what was given to them");
    if (!*given) co_return co_await asio::co_spawn(disk_.executor(), load_there(path_), asio::use_awaitable);
    version = (*given)->version;
    auto bundle = conf::last_good_from((*given)->text);
    if (!bundle) {
        auto loaded = fail("what the fleet was given cannot be read: " + bundle.error().message());
        loaded.hash = version.hash; // retrying would not help
        co_return loaded;
    }
    co_return co_await read(std::move(bundle->files));
}

conf::Loaded ConfigReader::fail(std::string why) const {
    conf::Loaded loaded;
    loaded.files.push_back(path_);
    loaded.errors.push_back({path_, 0, 0, "reload.source", std::move(why)});
    return loaded;
}

} // namespace weir::proxy
