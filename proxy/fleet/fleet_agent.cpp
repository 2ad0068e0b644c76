#include "proxy/fleet/fleet_agent.h"

#include "base/use_nothrow_awaitable.h"
#include "lock/fleet/fleet_drift.h"
#include "proxy/fleet/lock_factory.h"
#include "proxy/log/logger.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include <ctime>
#include <deque>
#include <random>
#include <set>
#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds usual_pace = lock::FleetRecords::member_life / 3;
constexpr milliseconds pace_of_versions{1000}; // if configurations come from the fleet
constexpr std::size_t max_pending_reports = 50;

// Clients for the fleet's servers; null if there is no fleet.
struct Link {
    std::shared_ptr<lock::RedisQuorum> servers;
    std::shared_ptr<lock::FleetRecords> records;
    std::shared_ptr<lock::FleetConfigs> configs;
    conf::Reload settings;
};

// The last state that the servers reported.
struct Contact {
    bool reachable = false, alarmed = false;
    std::string problem, holder;
    std::optional<std::chrono::system_clock::time_point> heard;
    std::uint64_t fence = 0, alarms = 0;
};

// The fence watermark on this machine's disk; a hung disk delays only this query.
struct Watermark {
    std::uint64_t fence = 0;
    bool asked = false; // a query is in progress
};

// Pushed configurations: the newest one, and the last one whose outcome on this machine is known.
struct Pushed {
    lock::FleetVersion newest, settled;
};

} // namespace

struct FleetAgent::State {
    State(asio::io_context& context, About what) : control(context), about(std::move(what)), timer(context) {}

    asio::io_context& control;
    const About about;
    Link link;
    Contact contact;
    Watermark watermark;
    bool asks_persistence = false;   // a query is in progress
    std::set<std::string> forgetful; // servers without persistence; logged once
    Pushed pushed;
    lock::FleetDrift drift;
    asio::steady_timer timer;                                  // of the next heartbeat
    std::uint64_t round = 0;                                   // of `follow`
    bool stopped = false, leaving = false, send_again = false; // send_again: requested during a heartbeat
    Clock::time_point began;                                   // the change in progress
    std::deque<lock::FleetChange> pending_reports;
    std::mt19937 random{std::random_device{}()};
};

FleetAgent::FleetAgent(asio::io_context& control, About about)
    : state_(std::make_shared<State>(control, std::move(about))) {}

FleetAgent::~FleetAgent() { stop(Presence::goes_on); }

bool FleetAgent::is_reachable() const { return state_->contact.reachable; }
const std::string& FleetAgent::problem() const { return state_->contact.problem; }
std::uint64_t FleetAgent::fence_alarms() const { return state_->contact.alarms; }
const std::string& FleetAgent::lock_holder() const { return state_->contact.holder; }
std::optional<std::chrono::system_clock::time_point> FleetAgent::heard() const { return state_->contact.heard; }
std::string FleetAgent::name() const { return member_name(state_->link.settings.lock); }
std::vector<lock::RedisQuorum::Server> FleetAgent::servers() const {
    return state_->link.servers ? state_->link.servers->servers() : std::vector<lock::RedisQuorum::Server>();
}
std::uint64_t FleetAgent::fence() const { return state_->contact.fence; }
const lock::FleetVersion& FleetAgent::newest() const { return state_->pushed.newest; }
void FleetAgent::settle(const lock::FleetVersion& version) { state_->pushed.settled = version; }
bool FleetAgent::has_left() const { return !state_->leaving; }
std::shared_ptr<lock::FleetRecords> FleetAgent::records() const { return state_->link.records; }
std::shared_ptr<lock::FleetConfigs> FleetAgent::configs() const { return state_->link.configs; }

void FleetAgent::send_heartbeat_soon() {
    state_->send_again = true;
    state_->timer.cancel();
}

void FleetAgent::stop(Presence presence) {
    if (std::exchange(state_->stopped, true)) return;
    ++state_->round;
    state_->timer.cancel();
    if (presence == Presence::goes_on || !state_->link.records) return;
    state_->leaving = true;
    asio::co_spawn(state_->control, leave(state_), log::log_exception);
}

asio::awaitable<void> FleetAgent::leave(std::shared_ptr<State> state) {
    const auto records = state->link.records;
    const auto left = co_await records->leave(member_name(state->link.settings.lock));
    if (!left) spdlog::info("fleet: cannot remove this machine from the list of members: {}", left.error().message());
    state->leaving = false;
}

void FleetAgent::follow(const conf::Reload& settings) {
    if (state_->stopped) return;
    const auto& before = state_->link.settings.lock;
    const bool as_before = settings.lock == before;
    const bool moved = state_->round > 0 && (settings.lock.type != before.type || settings.lock.fleet != before.fleet ||
                                             settings.lock.servers != before.servers);
    if (moved) state_->contact.alarmed = true; // other servers have lower fences; no data was lost
    state_->link.settings = settings;
    if (state_->link.records && as_before) return send_heartbeat_soon();
    ++state_->round;
    state_->timer.cancel();
    state_->link.servers.reset();
    state_->link.records.reset();
    state_->link.configs.reset();
    state_->pushed = {state_->about.known(settings.lock.fleet), {}};
    state_->pending_reports.clear(); // they belong to another fleet
    state_->contact.fence = 0;
    state_->contact.holder.clear();
    state_->contact.heard.reset();
    state_->drift = {};
    if (settings.lock.type == conf::LockType::local) return;
    const auto servers =
        std::make_shared<lock::RedisQuorum>(state_->control.get_executor(), lock_servers(settings.lock));
    state_->link.servers = servers;
    state_->link.records = std::make_shared<lock::FleetRecords>(servers, settings.lock.fleet);
    state_->link.configs = std::make_shared<lock::FleetConfigs>(servers, settings.lock.fleet);
    asio::co_spawn(state_->control, live(state_, state_->round), log::log_exception);
}

// Sends heartbeats, with jittered pauses so that the machines of a fleet do not synchronise.
asio::awaitable<void> FleetAgent::live(std::shared_ptr<State> state, std::uint64_t round) {
    while (state->round == round) {
        state->send_again = false;
        if (!std::exchange(state->watermark.asked, true))
            asio::co_spawn(state->control, learn_watermark(state), [state](const std::exception_ptr& failure) {
                state->watermark.asked = false;
                log::log_exception(failure);
            });
        co_await send_heartbeat(*state);
        if (state->round != round) co_return;
        if (state->contact.reachable && !std::exchange(state->asks_persistence, true))
            asio::co_spawn(state->control, learn_persistence(state), [state](const std::exception_ptr& failure) {
                state->asks_persistence = false;
                log::log_exception(failure);
            });
        if (state->send_again) continue;
        const auto pace = state->link.settings.source == conf::ConfigSource::fleet ? pace_of_versions : usual_pace;
        const auto share = std::uniform_real_distribution<double>(0.5, 1)(state->random);
        const auto pause = std::chrono::duration_cast<milliseconds>(pace * share);
        state->timer.expires_after(state->contact.reachable ? pause : std::min(pause, milliseconds(2000)));
        co_await state->timer.async_wait(use_nothrow_awaitable);
    }
}

asio::awaitable<void> FleetAgent::learn_watermark(std::shared_ptr<State> state) {
    state->watermark.fence = co_await state->about.watermark();
}

asio::awaitable<void> FleetAgent::learn_persistence(std::shared_ptr<State> state) {
    const auto servers = state->link.servers;
    if (!servers) co_return; // the fleet was left in the meantime
    co_await servers->learn_persistence();
    for (const auto& server : servers->servers()) {
        if (server.persistence != lock::Persistence::none) state->forgetful.erase(server.url);
        else if (state->forgetful.insert(server.url).second)
            spdlog::warn("fleet: {} does not persist its data (appendonly no, save \"\"): a restart loses the fences "
                         "and the denylist of the fleet; set appendonly yes",
                         server.url);
    }
}

asio::awaitable<void> FleetAgent::send_heartbeat(State& state) {
    const auto records = state.link.records;
    const auto watermark = state.watermark.fence; // read before the servers reply, because it may rise while they do
    auto member = state.about.facts();
    member.name = member_name(state.link.settings.lock);
    const auto reply = co_await records->send_heartbeat(std::move(member));
    if (!reply) state.contact.problem = reply.error().message();
    if (!reply && std::exchange(state.contact.reachable, false))
        spdlog::warn("fleet: unreachable: {}", state.contact.problem);
    if (!reply || state.stopped || records != state.link.records) co_return;
    if (!std::exchange(state.contact.reachable, true))
        spdlog::info("fleet {}: connected", state.link.settings.lock.fleet);
    state.contact.problem.clear();
    apply_reply(state, *reply, watermark);
    while (!state.pending_reports.empty()) {
        const auto change = state.pending_reports.front();
        const auto recorded = co_await records->finish(change);
        const bool unavailable = !recorded && recorded.error() == lock::LockError::unavailable;
        if (unavailable || records != state.link.records) co_return;
        if (!state.pending_reports.empty()) state.pending_reports.pop_front();
    }
    co_await look_for_drift(state, reply->texts);
}

// Asks who runs what only while the members differ and no warning has been logged.
asio::awaitable<void> FleetAgent::look_for_drift(State& state, std::size_t texts) {
    const auto& fleet = state.link.settings.lock.fleet;
    if (texts < 2) {
        if (state.drift.agree()) spdlog::info("fleet {}: all members run the same configuration again", fleet);
        co_return;
    }
    const auto records = state.link.records;
    if (state.drift.has_warned()) co_return;
    const auto view = co_await records->view();
    if (!view || records != state.link.records) co_return;
    const auto warning = state.drift.look(*view, Clock::now());
    if (warning) spdlog::warn("fleet {}: {}", state.link.settings.lock.fleet, *warning);
}

void FleetAgent::apply_reply(State& state, const lock::HeartbeatReply& reply, std::uint64_t watermark) {
    state.contact.fence = reply.fence;
    state.contact.holder = reply.holder;
    state.contact.heard = std::chrono::system_clock::now();
    const bool went_back = reply.fence < watermark;
    if (went_back && !std::exchange(state.contact.alarmed, true)) {
        ++state.contact.alarms;
        spdlog::error("fleet: the fence of the servers, {}, is below this machine's, {}: their data was lost or "
                      "restored; the next change raises it above both",
                      reply.fence, watermark);
    }
    if (!went_back) state.contact.alarmed = false;
    if (reply.newest.number < state.pushed.newest.number) return; // the servers have lost data
    state.pushed.newest = reply.newest;
    if (state.pushed.newest.number > 0 && !state.pushed.newest.is_same(state.pushed.settled)) state.about.on_version();
}

asio::awaitable<lock::FleetVerdict> FleetAgent::verdict(std::string hash) {
    const auto records = state_->link.records;
    if (!records) co_return lock::FleetVerdict();
    const auto verdict = co_await records->verdict(std::move(hash));
    co_return verdict ? *verdict : lock::FleetVerdict();
}

asio::awaitable<unsigned> FleetAgent::parallel_slots(std::string hash) {
    const auto records = state_->link.records;
    const auto parallel = state_->link.settings.lock.parallel;
    if (!records || parallel == conf::Parallel{}) co_return 1;
    const auto passed = co_await records->passed_canary(std::move(hash));
    if (!passed) co_return 1;
    if (parallel.share.value == 0) co_return parallel.count;
    const auto view = co_await records->view();
    co_return view ? parallel.of(view->members.size()) : 1;
}

asio::awaitable<Result<void>> FleetAgent::begin(std::uint64_t fence, std::string hash, lock::ChangeKind kind) {
    state_->began = Clock::now();
    const auto records = state_->link.records;
    if (!records) co_return Result<void>();
    lock::FleetChange change{fence, std::move(hash), name(), lock::ChangeVerdict::begun, "", std::time(nullptr), 0};
    auto begun = co_await records->begin(std::move(change), kind);
    if (!begun) state_->contact.problem = begun.error().message();
    co_return begun;
}

asio::awaitable<Result<void>> FleetAgent::finish(lock::FleetChange change) {
    const auto state = state_;
    const auto records = state->link.records;
    if (!records) co_return Result<void>();
    change.member = member_name(state->link.settings.lock);
    change.at = std::time(nullptr);
    change.took_ms = std::chrono::duration_cast<milliseconds>(Clock::now() - state->began).count();
    auto finished = co_await records->finish(change);
    send_heartbeat_soon(); // the running configuration has changed, too
    if (finished || finished.error() == lock::LockError::lost) co_return finished;
    state->pending_reports.push_back(std::move(change));
    if (state->pending_reports.size() > max_pending_reports) state->pending_reports.pop_front();
    co_return Result<void>();
}

} // namespace weir::proxy
