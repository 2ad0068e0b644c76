#include "proxy/fleet_question.h"

#include "lock/fleet_records.h"
#include "proxy/lock_maker.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

asio::awaitable<FleetAnswer> ask(std::shared_ptr<lock::RedisQuorum> servers, conf::Reload settings, std::string hash) {
    lock::FleetRecords records(servers, settings.lock.fleet);
    lock::FleetConfigs configs(servers, settings.lock.fleet);
    FleetAnswer answer;
    const auto opinion = co_await records.opinion(std::move(hash));
    if (opinion) answer.opinion = *opinion;
    else answer.problem = servers->problem();
    if (!opinion || settings.source == conf::ConfigSource::file) co_return answer;
    auto given = co_await configs.newest();
    if (given && *given) {
        const auto given_opinion = co_await records.opinion((*given)->version.hash);
        if (given_opinion) answer.given_opinion = *given_opinion;
        answer.given = std::move(*given);
    } else if (!given) {
        answer.problem = servers->problem();
    }
    co_return answer;
}

} // namespace

FleetAnswer ask_fleet(const conf::Reload& settings, const std::string& hash) {
    if (settings.lock.type == conf::LockType::local) return {};
    asio::io_context context(1);
    const auto servers = std::make_shared<lock::RedisQuorum>(context.get_executor(), lock_servers(settings.lock));
    FleetAnswer found{"no answer in time"};
    asio::co_spawn(context, ask(servers, settings, hash), [&](std::exception_ptr failure, FleetAnswer answer) {
        if (failure) found.problem = "internal error";
        else found = std::move(answer);
    });
    context.run_for(std::chrono::seconds(4)); // each step of the way has a limit of its own
    return found;
}

} // namespace weir::proxy
