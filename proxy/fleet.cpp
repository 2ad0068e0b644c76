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

namespace {

constexpr auto pace = lock::FleetRecords::member_life / 3;
constexpr std::size_t most_untold = 50;

} // namespace

struct Fleet::State {
    State(asio::io_context& context, Facts about, std::function<std::uint64_t()> least)
        : control(context), facts(std::move(about)), floor(std::move(least)), timer(context) {}

    asio::io_context& control;
    Facts facts;
    std::function<std::uint64_t()> floor;
    std::shared_ptr<lock::FleetRecords> records; // null: no fleet
    conf::LockSettings settings;
    asio::steady_timer timer; // of the next time to tell
    std::uint64_t round = 0;  // of `follow`
    bool reachable = false;
    std::string problem;
    std::uint64_t alarms = 0;
    bool alarmed = false;
    std::deque<lock::FleetChange> untold;
    std::mt19937 random{std::random_device{}()};
};

Fleet::Fleet(asio::io_context& control, Facts facts, std::function<std::uint64_t()> floor)
    : state_(std::make_shared<State>(control, std::move(facts), std::move(floor))) {}

Fleet::~Fleet() { stop(); }

void Fleet::stop() {
    ++state_->round;
    state_->timer.cancel();
}

bool Fleet::is_on() const { return state_->records != nullptr; }
bool Fleet::is_reachable() const { return state_->reachable; }
const std::string& Fleet::problem() const { return state_->problem; }
std::uint64_t Fleet::fence_alarms() const { return state_->alarms; }

void Fleet::follow(const conf::LockSettings& settings) {
    if (is_on() && settings == state_->settings) return state_->timer.cancel(), void(); // there is news, perhaps
    ++state_->round;
    state_->timer.cancel();
    state_->settings = settings;
    state_->records.reset();
    const auto servers = lock_servers(settings);
    if (settings.type == conf::LockType::local) return;
    state_->records = std::make_shared<lock::FleetRecords>(state_->control.get_executor(), servers, settings.fleet);
    asio::co_spawn(state_->control, live(state_, state_->round), log::tell_failure);
}

// Tells the others again and again; with pauses that differ, so that those of a fleet do not come in step.
asio::awaitable<void> Fleet::live(std::shared_ptr<State> state, std::uint64_t round) {
    while (state->round == round) {
        co_await tell(*state);
        if (state->round != round) co_return;
        const auto share = std::uniform_real_distribution<double>(0.5, 1)(state->random);
        const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(pace * share);
        state->timer.expires_after(state->reachable ? pause : std::min(pause, std::chrono::milliseconds(2000)));
        co_await state->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

asio::awaitable<void> Fleet::tell(State& state) {
    const auto records = state.records;
    auto member = state.facts();
    member.name = member_name(state.settings);
    const auto fence = co_await records->tell(std::move(member));
    if (!fence) state.problem = records->problem();
    if (!fence && std::exchange(state.reachable, false)) spdlog::warn("fleet: cannot be reached: {}", state.problem);
    if (!fence) co_return;
    if (!std::exchange(state.reachable, true)) spdlog::info("fleet {}: in touch", state.settings.fleet);
    state.problem.clear();
    const bool went_back = *fence < state.floor();
    if (went_back && !std::exchange(state.alarmed, true)) {
        ++state.alarms;
        spdlog::error("fleet: the fence went back: the servers remember {}, this machine {}; their data was lost or "
                      "restored. It rises above both with the next change",
                      *fence, state.floor());
    }
    if (!went_back) state.alarmed = false;
    while (!state.untold.empty()) {
        const auto change = state.untold.front();
        const auto told = co_await records->finish(change);
        if (told == lock::LockError::unavailable) co_return;
        if (!state.untold.empty()) state.untold.pop_front();
    }
}

asio::awaitable<std::optional<lock::FleetBad>> Fleet::find_bad(std::string hash) {
    const auto records = state_->records;
    if (!records) co_return std::nullopt;
    const auto bad = co_await records->find_bad(std::move(hash));
    co_return bad ? *bad : std::nullopt;
}

asio::awaitable<error_code> Fleet::begin(std::uint64_t fence, std::string hash) {
    const auto records = state_->records;
    if (!records) co_return error_code();
    lock::FleetChange change{fence, std::move(hash), member_name(state_->settings), "begun", "", std::time(nullptr), 0};
    const auto error = co_await records->begin(std::move(change));
    if (error) state_->problem = records->problem();
    co_return error;
}

asio::awaitable<error_code> Fleet::finish(lock::FleetChange change) {
    const auto state = state_;
    const auto records = state->records;
    if (!records) co_return error_code();
    change.member = member_name(state->settings);
    change.at = std::time(nullptr);
    const auto error = co_await records->finish(change);
    state->timer.cancel(); // what this machine runs has changed as well
    if (error != lock::LockError::unavailable) co_return error;
    state->untold.push_back(std::move(change));
    if (state->untold.size() > most_untold) state->untold.pop_front();
    co_return error_code();
}

namespace {

const error_code no_fleet = lock::LockError::unavailable;

} // namespace

asio::awaitable<lock::Result<lock::FleetView>> Fleet::view() {
    const auto records = state_->records;
    if (!records) co_return no_fleet;
    auto view = co_await records->view();
    if (!view) state_->problem = records->problem();
    co_return view;
}

asio::awaitable<lock::Result<std::uint64_t>> Fleet::forgive(std::string hash) {
    const auto records = state_->records;
    if (!records) co_return no_fleet;
    const auto count = co_await records->forgive(std::move(hash));
    if (!count) state_->problem = records->problem();
    co_return count;
}

asio::awaitable<lock::Result<std::uint64_t>> Fleet::break_lock(std::string why) {
    const auto records = state_->records;
    if (!records) co_return no_fleet;
    lock::FleetChange note{0, "", member_name(state_->settings), "broken", std::move(why), std::time(nullptr), 0};
    const auto count = co_await records->break_lock(std::move(note));
    if (!count) state_->problem = records->problem();
    co_return count;
}

std::optional<lock::FleetBad> ask_fleet(const conf::LockSettings& settings, const std::string& hash,
                                        std::string& problem) {
    if (settings.type == conf::LockType::local) return std::nullopt;
    asio::io_context context(1);
    lock::FleetRecords records(context.get_executor(), lock_servers(settings), settings.fleet);
    std::optional<lock::FleetBad> found;
    asio::co_spawn(context, records.find_bad(hash), [&](std::exception_ptr failure, auto answer) {
        if (!failure && answer) found = *answer;
        else problem = failure ? "internal error" : records.problem();
    });
    context.run_for(std::chrono::seconds(3)); // each step of the way has a limit of its own
    return found;
}

} // namespace weir::proxy
