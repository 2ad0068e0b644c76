#include "proxy/fleet/startup_query.h"

#include "lock/fleet/fleet_records.h"
#include "proxy/fleet/lock_factory.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// Returns the newest pushed configuration with the fleet's verdict on it; an empty verdict if that cannot be read.
asio::awaitable<Result<std::optional<StartupAnswer::Pushed>>> ask_pushed(lock::FleetRecords& records,
                                                                         lock::FleetConfigs& configs) {
    auto newest = co_await configs.newest();
    if (!newest) co_return newest.error();
    std::optional<StartupAnswer::Pushed> pushed;
    if (!*newest) co_return pushed;
    const auto verdict = co_await records.verdict((*newest)->version.hash);
    pushed = StartupAnswer::Pushed{**std::move(newest), verdict ? *verdict : lock::FleetVerdict()};
    co_return pushed;
}

asio::awaitable<Result<StartupAnswer>> ask(std::shared_ptr<lock::RedisQuorum> servers, conf::Reload settings,
                                           std::string hash) {
    lock::FleetRecords records(servers, settings.lock.fleet);
    lock::FleetConfigs configs(servers, settings.lock.fleet);
    const auto verdict = co_await records.verdict(std::move(hash));
    if (!verdict) co_return verdict.error();
    StartupAnswer answer{*verdict, {}};
    if (settings.source == conf::ConfigSource::fleet) answer.pushed = co_await ask_pushed(records, configs);
    co_return answer;
}

} // namespace

Result<StartupAnswer> ask_fleet(const conf::Reload& settings, const std::string& hash) {
    if (settings.lock.type == conf::LockType::local) return StartupAnswer();
    asio::io_context context(1);
    const auto servers = std::make_shared<lock::RedisQuorum>(context.get_executor(), lock_servers(settings.lock));
    std::optional<Result<StartupAnswer>> found;
    asio::co_spawn(context, ask(servers, settings, hash),
                   [&](std::exception_ptr failure, Result<StartupAnswer> answer) {
                       context.stop(); // do not wait for a server that hangs
                       if (failure) found = Error("internal error");
                       else found = std::move(answer);
                   });
    context.run_for(std::chrono::seconds(4)); // each query has a timeout of its own as well
    if (!found) return Error(servers->state());
    return *std::move(found);
}

} // namespace weir::proxy
