#include "proxy/config_reader.h"

#include "conf/last_good.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

asio::awaitable<conf::Loaded> load_there(std::string path) { co_return conf::load(path); }

asio::awaitable<conf::Loaded> load_again_there(conf::Loaded known) { co_return conf::load_again(std::move(known)); }

asio::awaitable<conf::Loaded> read_there(std::vector<conf::SourceFile> files) { co_return conf::load_sources(files); }

} // namespace

ConfigReader::ConfigReader(Fleet& fleet, std::string path, OnFiles on_files)
    : fleet_(fleet), path_(std::move(path)), on_files_(std::move(on_files)) {}

asio::awaitable<conf::Loaded> ConfigReader::load(conf::ConfigSource from) {
    conf::Loaded loaded;
    if (from == conf::ConfigSource::fleet) loaded = co_await load_given();
    else loaded = co_await asio::co_spawn(disk_.executor(), load_there(path_), asio::use_awaitable);
    if (!loaded.hash.empty()) watch(loaded);
    co_return loaded;
}

asio::awaitable<conf::Loaded> ConfigReader::load_again(conf::ConfigSource from, conf::Loaded known) {
    if (from == conf::ConfigSource::fleet) co_return co_await load(from);
    auto loaded = co_await asio::co_spawn(disk_.executor(), load_again_there(std::move(known)), asio::use_awaitable);
    watch(loaded);
    co_return loaded;
}

asio::awaitable<conf::Loaded> ConfigReader::read(std::vector<conf::SourceFile> files) {
    co_return co_await asio::co_spawn(disk_.executor(), read_there(std::move(files)), asio::use_awaitable);
}

asio::awaitable<conf::Loaded> ConfigReader::load_given() {
    const auto configs = fleet_.configs();
    if (!configs) co_return fail("there is no fleet any more");
    const auto given = co_await configs->newest();
    if (!given) co_return fail("the fleet cannot be asked: " + configs->problem());
    if ((*given ? (*given)->version.number : 0) < fleet_.newest().number)
        co_return fail("the fleet's servers have lost what was given to them");
    if (!*given) co_return co_await asio::co_spawn(disk_.executor(), load_there(path_), asio::use_awaitable);
    given_ = (*given)->version;
    std::string why;
    auto bundle = conf::last_good_from((*given)->text, why);
    if (!bundle) {
        auto loaded = fail("what the fleet was given cannot be read: " + why);
        loaded.hash = given_.hash; // it will be no better the next time
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
