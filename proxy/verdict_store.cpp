#include "proxy/verdict_store.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <ctime>

namespace weir::proxy {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

asio::awaitable<error_code> save_good(std::string state_dir, conf::LastGood good) {
    co_return conf::LastGoodStore(state_dir).save(good);
}

asio::awaitable<error_code> save_bad(std::string state_dir, conf::KnownBad bad) { co_return bad.save(state_dir); }

void tell(const char* what, const error_code& error) {
    if (error) spdlog::error("state_dir: {} cannot be kept: {}", what, error.message());
}

} // namespace

VerdictStore::VerdictStore(asio::thread_pool& disk, std::string state_dir)
    : disk_(disk), state_dir_(std::move(state_dir)), bad_(conf::KnownBad::read(state_dir_)) {}

asio::awaitable<void> VerdictStore::record_good(conf::LastGood good) {
    const bool forgiven = bad_.forget(good.hash);
    tell("the last good configuration",
         co_await asio::co_spawn(disk_, save_good(state_dir_, std::move(good)), asio::use_awaitable));
    if (forgiven)
        tell("the list of bad configurations",
             co_await asio::co_spawn(disk_, save_bad(state_dir_, bad_), asio::use_awaitable));
}

asio::awaitable<void> VerdictStore::record_bad(std::string hash, std::string why) {
    bad_.add({std::move(hash), std::time(nullptr), std::move(why)});
    tell("the list of bad configurations",
         co_await asio::co_spawn(disk_, save_bad(state_dir_, bad_), asio::use_awaitable));
}

} // namespace weir::proxy
