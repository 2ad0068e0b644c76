#include "proxy/fleet/fleet_agent.h"

#include "base/timer.h"
#include "lock/fleet/fleet_drift.h"
#include "proxy/fleet/fleet_contact.h"
#include "proxy/fleet/lock_factory.h"
#include "proxy/fleet/persistence_check.h"
#include "proxy/log/logger.h"

#include <boost/asio/co_spawn.hpp>
#include <spdlog/spdlog.h>

#include <ctime>
#include <deque>
#include <random>
#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds usual_pace = lock::FleetRecords::member_life / 3;
constexpr milliseconds pace_of_versions{1000}; // if configurations come from the fleet
constexpr milliseconds max_retry_pause{2000};  // while the servers do not answer
constexpr std::size_t max_pending_reports = 50;

// Clients for the fleet's servers; null if there is no fleet.
struct Link {
    std::shared_ptr<lock::RedisQuorum> servers;
    std::shared_ptr<lock::FleetRecords> records;
    std::shared_ptr<lock::FleetConfigs> configs;
    conf::Reload settings;
};

Link make_link(asio::io_context& control, const conf::Reload& settings) {
    if (settings.lock.type == conf::LockType::local) return {{}, {}, {}, settings};
    const auto servers = std::make_shared<lock::RedisQuorum>(control.get_executor(), lock_servers(settings.lock));
    return {servers, std::make_shared<lock::FleetRecords>(servers, settings.lock.fleet),
            std::make_shared<lock::FleetConfigs>(servers, settings.lock.fleet), settings};
}

// The fence watermark on this machine's disk; a hung disk delays only this query.
struct Watermark {
    std::uint64_t fence = 0;
    bool asked = false; // a query is in progress
};

// Pushed configurations: the newest one, and the last one whose outcome on this machine is known.
struct Pushed {
    lock::FleetVersion newest, settled;
};

// When the next heartbeat is due.
struct Pace {
    explicit Pace(asio::io_context& control) : timer(control) {}
    Timer timer;
    bool send_again = false; // requested during a heartbeat
    std::mt19937 random{std::random_device{}()};
};

// Whether the agent runs. `round` counts the fleets that it has followed; a coroutine of an earlier round ends.
struct Life {
    std::uint64_t round = 0;
    bool stopped = false, leaving = false;
};

// The changes of this machine: the one in progress, and the outcomes that the servers have not recorded yet.
struct OwnChanges {
    Timer::TimePoint began;
    std::deque<lock::FleetChange> pending_reports;
};

} // namespace

struct FleetAgent::State {
    State(asio::io_context& context, LocalMember& member) : control(context), self(member), pace(context) {}

    std::time_t wall_seconds() const { return std::chrono::system_clock::to_time_t(clock_of(control).wall_now()); }

    asio::io_context& control;
    LocalMember& self;
    Link link;
    FleetContact contact;
    Watermark watermark;
    PersistenceCheck persistence;
    Pushed pushed;
    lock::FleetDrift drift;
    Pace pace;
    Life life;
    OwnChanges changes;
};

FleetAgent::FleetAgent(asio::io_context& control, LocalMember& self) : state_(std::make_shared<State>(control, self)) {}

FleetAgent::~FleetAgent() { stop(Presence::goes_on); }

bool FleetAgent::is_reachable() const { return state_->contact.is_reachable(); }
const std::optional<Error>& FleetAgent::problem() const { return state_->contact.problem(); }
std::uint64_t FleetAgent::fence_alarms() const { return state_->contact.fence_alarms(); }
const std::string& FleetAgent::lock_holder() const { return state_->contact.lock_holder(); }
std::optional<std::chrono::system_clock::time_point> FleetAgent::heard() const { return state_->contact.heard(); }
std::string FleetAgent::name() const { return member_name(state_->link.settings.lock); }
std::vector<lock::RedisQuorum::Server> FleetAgent::servers() const {
    return state_->link.servers ? state_->link.servers->servers() : std::vector<lock::RedisQuorum::Server>();
}
std::uint64_t FleetAgent::fence() const { return state_->contact.fence(); }
const lock::FleetVersion& FleetAgent::newest() const { return state_->pushed.newest; }
void FleetAgent::settle(const lock::FleetVersion& version) { state_->pushed.settled = version; }
bool FleetAgent::has_left() const { return !state_->life.leaving; }
std::shared_ptr<lock::FleetRecords> FleetAgent::records() const { return state_->link.records; }
std::shared_ptr<lock::FleetConfigs> FleetAgent::configs() const { return state_->link.configs; }

void FleetAgent::send_heartbeat_soon() {
    state_->pace.send_again = true;
    state_->pace.timer.cancel();
}

void FleetAgent::stop(Presence presence) {
    if (std::exchange(state_->life.stopped, true)) return;
    ++state_->life.round;
    state_->pace.timer.cancel();
    if (presence == Presence::goes_on || !state_->link.records) return;
    state_->life.leaving = true;
    asio::co_spawn(state_->control, leave(state_), log::log_exception);
}

asio::awaitable<void> FleetAgent::leave(std::shared_ptr<State> state) {
    const auto records = state->link.records;
    const auto left = co_await records->leave(member_name(state->link.settings.lock));
    if (!left) spdlog::info("fleet: cannot remove this machine from the list of members: {}", left.error().message());
    state->life.leaving = false;
}

void FleetAgent::follow(const conf::Reload& settings) {
    if (state_->life.stopped) return;
    const auto& before = state_->link.settings.lock;
    const bool as_before = settings.lock == before;
    const bool moved =
        state_->life.round > 0 && (settings.lock.type != before.type || settings.lock.fleet != before.fleet ||
                                   settings.lock.servers != before.servers);
    if (moved) state_->contact.expect_lower_fences();
    state_->link.settings = settings;
    if (state_->link.records && as_before) return send_heartbeat_soon();
    ++state_->life.round;
    state_->pace.timer.cancel();
    state_->link = make_link(state_->control, settings);
    state_->pushed = {state_->self.newest_seen(settings.lock.fleet), {}};
    state_->changes.pending_reports.clear(); // they belong to another fleet
    state_->contact.forget_reply();
    state_->drift = {};
    if (state_->link.records) asio::co_spawn(state_->control, live(state_, state_->life.round), log::log_exception);
}

// Sends heartbeats, with jittered pauses so that the machines of a fleet do not synchronise.
asio::awaitable<void> FleetAgent::live(std::shared_ptr<State> state, std::uint64_t round) {
    while (state->life.round == round) {
        state->pace.send_again = false;
        if (!std::exchange(state->watermark.asked, true))
            asio::co_spawn(state->control, learn_watermark(state), [state](const std::exception_ptr& failure) {
                state->watermark.asked = false;
                log::log_exception(failure);
            });
        co_await send_heartbeat(*state);
        if (state->life.round != round) co_return;
        if (state->contact.is_reachable()) state->persistence.start(state->control, state->link.servers);
        if (state->pace.send_again) continue;
        const auto pace = state->link.settings.source == conf::ConfigSource::fleet ? pace_of_versions : usual_pace;
        const auto share = std::uniform_real_distribution<double>(0.5, 1)(state->pace.random);
        const auto pause = std::chrono::duration_cast<milliseconds>(pace * share);
        state->pace.timer.expires_after(state->contact.is_reachable() ? pause : std::min(pause, max_retry_pause));
        co_await state->pace.timer.wait();
    }
}

asio::awaitable<void> FleetAgent::learn_watermark(std::shared_ptr<State> state) {
    state->watermark.fence = co_await state->self.fence_watermark();
}

asio::awaitable<void> FleetAgent::send_heartbeat(State& state) {
    const auto records = state.link.records;
    const auto watermark = state.watermark.fence; // read before the servers reply, because it may rise while they do
    auto member = state.self.describe();
    member.name = member_name(state.link.settings.lock);
    const auto reply = co_await records->send_heartbeat(std::move(member));
    if (!reply) state.contact.note_failure(reply.error());
    if (!reply || state.life.stopped || records != state.link.records) co_return;
    state.contact.note_reply(*reply, watermark, clock_of(state.control).wall_now(), state.link.settings.lock.fleet);
    take_version(state, reply->newest);
    auto& pending = state.changes.pending_reports;
    while (!pending.empty()) {
        const auto change = pending.front();
        const auto recorded = co_await records->finish(change);
        const bool unavailable = !recorded && recorded.error() == lock::LockError::unavailable;
        if (unavailable || records != state.link.records) co_return;
        if (!pending.empty()) pending.pop_front();
    }
    co_await look_for_drift(state, reply->texts);
}

// Queries which member runs which configuration, but only while the members differ and no warning has been logged.
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
    const auto warning = state.drift.look(*view, state.pace.timer.now());
    if (warning) spdlog::warn("fleet {}: {}", state.link.settings.lock.fleet, *warning);
}

void FleetAgent::take_version(State& state, const lock::FleetVersion& newest) {
    auto& pushed = state.pushed;
    if (newest.number < pushed.newest.number) return; // the servers have lost data
    pushed.newest = newest;
    if (newest.number > 0 && !newest.is_same(pushed.settled)) state.self.on_version();
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
    state_->changes.began = state_->pace.timer.now();
    const auto records = state_->link.records;
    if (!records) co_return Result<void>();
    lock::FleetChange change{fence, std::move(hash), name(), lock::ChangeVerdict::begun, "", state_->wall_seconds(), 0};
    auto begun = co_await records->begin(std::move(change), kind);
    if (!begun) state_->contact.note_problem(begun.error());
    co_return begun;
}

asio::awaitable<Result<void>> FleetAgent::finish(lock::FleetChange change) {
    const auto state = state_;
    const auto records = state->link.records;
    if (!records) co_return Result<void>();
    change.member = member_name(state->link.settings.lock);
    change.at = state->wall_seconds();
    change.took_ms = std::chrono::duration_cast<milliseconds>(state->pace.timer.now() - state->changes.began).count();
    auto finished = co_await records->finish(change);
    send_heartbeat_soon(); // the running configuration has changed, too
    if (finished || finished.error() == lock::LockError::lost) co_return finished;
    auto& pending = state->changes.pending_reports;
    pending.push_back(std::move(change));
    if (pending.size() > max_pending_reports) pending.pop_front();
    co_return Result<void>();
}

} // namespace weir::proxy
