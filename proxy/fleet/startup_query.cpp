#include "proxy/fleet/startup_query.h"

#include "lock/fleet/fleet_records.h"
#include "proxy/fleet/lock_factory.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

asio::awaitable<StartupAnswer> ask(std::shared_ptr<lock::RedisQuorum> servers, conf::Reload settings,
                                   std::string hash) {
    lock::FleetRecords records(servers, settings.lock.fleet);
    lock::FleetConfigs configs(servers, settings.lock.fleet);
    StartupAnswer answer;
    const auto verdict = co_await records.verdict(std::move(hash));
    if (verdict) answer.verdict = *verdict;
    else answer.problem = verdict.error().message();
    if (!verdict || settings.source == conf::ConfigSource::file) co_return answer;
    auto pushed = co_await configs.newest();
    if (pushed && *pushed) {
        const auto pushed_verdict = co_await records.verdict((*pushed)->version.hash);
        if (pushed_verdict) answer.pushed_verdict = *pushed_verdict;
        answer.pushed = std::move(*pushed);
    } else if (!pushed) {
        answer.problem = pushed.error().message();
    }
    co_return answer;
}

} // namespace

StartupAnswer ask_fleet(const conf::Reload& settings, const std::string& hash) {
    if (settings.lock.type == conf::LockType::local) return {};
    asio::io_context context(1);
    const auto servers = std::make_shared<lock::RedisQuorum>(context.get_executor(), lock_servers(settings.lock));
    std::optional<StartupAnswer> found;
    asio::co_spawn(context, ask(servers, settings, hash), [&](std::exception_ptr failure, StartupAnswer answer) {
        context.stop(); // do not wait for a server that hangs
        found = failure ? StartupAnswer{"internal error"} : std::move(answer);
    });
    context.run_for(std::chrono::seconds(4)); // each query has a timeout of its own as well
    return found ? std::move(*found) : StartupAnswer{servers->state()};
}

} // namespace weir::proxy
