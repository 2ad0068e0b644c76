#include "proxy/fleet.h"

#include "proxy/lock_maker.h"
#include "proxy/log/logger.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <ctime>
#include <deque>
#include <random>
#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds usual_pace = lock::FleetRecords::member_life / 3;
constexpr milliseconds pace_of_versions{1000}; // where it waits for configurations
constexpr std::size_t most_untold = 50;

// The fleet that it is in; null where there is none.
struct Link {
    std::shared_ptr<lock::FleetRecords> records;
    std::shared_ptr<lock::FleetConfigs> configs;
    conf::Reload settings;
};

// What the servers said last.
struct Contact {
    bool reachable = false, alarmed = false;
    std::string problem;
    std::uint64_t fence = 0, alarms = 0;
};

// What this machine's disk said last; one that hangs is waited for by nobody else.
struct Floor {
    std::uint64_t fence = 0;
    bool asked = false; // under way
};

// Of configurations that were given to the fleet: the newest, and the one of which it is known what became of it here.
struct Given {
    lock::FleetVersion newest, settled;
};

} // namespace

struct Fleet::State {
    State(asio::io_context& context, About what) : control(context), about(std::move(what)), timer(context) {}

    asio::io_context& control;
    const About about;
    Link link;
    Contact contact;
    Floor floor;
    Given given;
    asio::steady_timer timer;                            // of the next time to tell
    std::uint64_t round = 0;                             // of `follow`
    bool stopped = false, leaving = false, news = false; // news: that came while it was telling
    Clock::time_point began;                             // the change under way
    std::deque<lock::FleetChange> untold;
    std::mt19937 random{std::random_device{}()};
};

Fleet::Fleet(asio::io_context& control, About about) : state_(std::make_shared<State>(control, std::move(about))) {}

Fleet::~Fleet() { stop(Presence::goes_on); }

bool Fleet::is_reachable() const { return state_->contact.reachable; }
const std::string& Fleet::problem() const { return state_->contact.problem; }
std::uint64_t Fleet::fence_alarms() const { return state_->contact.alarms; }
std::string Fleet::name() const { return member_name(state_->link.settings.lock); }
std::uint64_t Fleet::fence() const { return state_->contact.fence; }
const lock::FleetVersion& Fleet::newest() const { return state_->given.newest; }
void Fleet::settle(const lock::FleetVersion& version) { state_->given.settled = version; }
bool Fleet::has_left() const { return !state_->leaving; }
std::shared_ptr<lock::FleetRecords> Fleet::records() const { return state_->link.records; }
std::shared_ptr<lock::FleetConfigs> Fleet::configs() const { return state_->link.configs; }

void Fleet::tell_soon() {
    state_->news = true;
    state_->timer.cancel();
}

void Fleet::stop(Presence presence) {
    if (std::exchange(state_->stopped, true)) return;
    ++state_->round;
    state_->timer.cancel();
    if (presence == Presence::goes_on || !state_->link.records) return;
    state_->leaving = true;
    asio::co_spawn(state_->control, leave(state_), log::tell_failure);
}

asio::awaitable<void> Fleet::leave(std::shared_ptr<State> state) {
    const auto records = state->link.records;
    const auto error = co_await records->leave(member_name(state->link.settings.lock));
    if (error) spdlog::info("fleet: it could not be told that this machine leaves");
    state->leaving = false;
}

void Fleet::follow(const conf::Reload& settings) {
    if (state_->stopped) return;
    const bool as_before = settings.lock == state_->link.settings.lock;
    state_->link.settings = settings;
    if (state_->link.records && as_before) return tell_soon();
    ++state_->round;
    state_->timer.cancel();
    state_->link.records.reset();
    state_->link.configs.reset();
    state_->given = {state_->about.known(settings.lock.fleet), {}};
    state_->untold.clear(); // it was for others
    state_->contact.fence = 0;
    if (settings.lock.type == conf::LockType::local) return;
    const auto servers =
        std::make_shared<lock::RedisQuorum>(state_->control.get_executor(), lock_servers(settings.lock));
    state_->link.records = std::make_shared<lock::FleetRecords>(servers, settings.lock.fleet);
    state_->link.configs = std::make_shared<lock::FleetConfigs>(servers, settings.lock.fleet);
    asio::co_spawn(state_->control, live(state_, state_->round), log::tell_failure);
}

// Tells the others again and again; with pauses that differ, so that those of a fleet do not come in step.
asio::awaitable<void> Fleet::live(std::shared_ptr<State> state, std::uint64_t round) {
    while (state->round == round) {
        state->news = false;
        if (!std::exchange(state->floor.asked, true))
            asio::co_spawn(state->control, learn_floor(state), [state](const std::exception_ptr& failure) {
                state->floor.asked = false;
                log::tell_failure(failure);
            });
        co_await tell(*state);
        if (state->round != round) co_return;
        if (state->news) continue;
        const auto pace = state->link.settings.source == conf::ConfigSource::fleet ? pace_of_versions : usual_pace;
        const auto share = std::uniform_real_distribution<double>(0.5, 1)(state->random);
        const auto pause = std::chrono::duration_cast<milliseconds>(pace * share);
        state->timer.expires_after(state->contact.reachable ? pause : std::min(pause, milliseconds(2000)));
        co_await state->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

asio::awaitable<void> Fleet::learn_floor(std::shared_ptr<State> state) {
    state->floor.fence = co_await state->about.floor();
}

asio::awaitable<void> Fleet::tell(State& state) {
    const auto records = state.link.records;
    const auto floor = state.floor.fence; // of before the servers are asked: it may rise meanwhile
    auto member = state.about.facts();
    member.name = member_name(state.link.settings.lock);
    const auto news = co_await records->tell(std::move(member));
    if (!news) state.contact.problem = records->problem();
    if (!news && std::exchange(state.contact.reachable, false))
        spdlog::warn("fleet: cannot be reached: {}", state.contact.problem);
    if (!news || state.stopped || records != state.link.records) co_return;
    if (!std::exchange(state.contact.reachable, true))
        spdlog::info("fleet {}: in touch", state.link.settings.lock.fleet);
    state.contact.problem.clear();
    take_news(state, *news, floor);
    while (!state.untold.empty()) {
        const auto change = state.untold.front();
        const auto told = co_await records->finish(change);
        if (told == lock::LockError::unavailable || records != state.link.records) co_return;
        if (!state.untold.empty()) state.untold.pop_front();
    }
}

void Fleet::take_news(State& state, const lock::FleetNews& news, std::uint64_t floor) {
    state.contact.fence = news.fence;
    const bool went_back = news.fence < floor;
    if (went_back && !std::exchange(state.contact.alarmed, true)) {
        ++state.contact.alarms;
        spdlog::error("fleet: the fence went back: the servers remember {}, this machine {}; their data was lost or "
                      "restored. It rises above both with the next change",
                      news.fence, floor);
    }
    if (!went_back) state.contact.alarmed = false;
    if (news.newest.number < state.given.newest.number) return; // the servers have lost what they had
    state.given.newest = news.newest;
    if (state.given.newest.number > 0 && !state.given.newest.is_same(state.given.settled)) state.about.on_version();
}

asio::awaitable<lock::FleetOpinion> Fleet::opinion(std::string hash) {
    const auto records = state_->link.records;
    if (!records) co_return lock::FleetOpinion();
    const auto opinion = co_await records->opinion(std::move(hash));
    co_return opinion ? *opinion : lock::FleetOpinion();
}

asio::awaitable<unsigned> Fleet::places(std::string hash) {
    const auto records = state_->link.records;
    const auto parallel = state_->link.settings.lock.parallel;
    if (!records || parallel == conf::Parallel{}) co_return 1;
    const auto stood = co_await records->has_stood(std::move(hash));
    if (!stood) co_return 1;
    if (parallel.share.value == 0) co_return parallel.count;
    const auto view = co_await records->view();
    co_return view ? parallel.of(view->members.size()) : 1;
}

asio::awaitable<error_code> Fleet::begin(std::uint64_t fence, std::string hash, lock::Going going) {
    state_->began = Clock::now();
    const auto records = state_->link.records;
    if (!records) co_return error_code();
    lock::FleetChange change{fence, std::move(hash), name(), "begun", "", std::time(nullptr), 0};
    const auto error = co_await records->begin(std::move(change), going);
    if (error) state_->contact.problem = records->problem();
    co_return error;
}

asio::awaitable<error_code> Fleet::finish(lock::FleetChange change) {
    const auto state = state_;
    const auto records = state->link.records;
    if (!records) co_return error_code();
    change.member = member_name(state->link.settings.lock);
    change.at = std::time(nullptr);
    change.took_ms = std::chrono::duration_cast<milliseconds>(Clock::now() - state->began).count();
    const auto error = co_await records->finish(change);
    tell_soon(); // what this machine runs has changed as well
    if (error != lock::LockError::unavailable) co_return error;
    state->untold.push_back(std::move(change));
    if (state->untold.size() > most_untold) state->untold.pop_front();
    co_return error_code();
}

} // namespace weir::proxy
