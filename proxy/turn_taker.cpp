#include "proxy/turn_taker.h"

#include "lock/acquire.h"
#include "lock/parallel_lock.h"
#include "proxy/lock_maker.h"

#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// How others see who holds the lock.
std::string holder_name(const conf::LockSettings& settings) {
    return member_name(settings) + ":" + std::to_string(::getpid());
}

} // namespace

// Where several may go side by side, it is as many as the fleet allows at the moment.
std::shared_ptr<lock::Lock> TurnTaker::lock_for(const conf::LockSettings& settings, const std::string& hash) {
    const lock::ParallelLock::Make make = [executor = control_.get_executor(), settings, fences = fences_](
                                              unsigned place) { return make_lock(executor, settings, fences, place); };
    if (settings.parallel == conf::Parallel{}) return make(1);
    return std::make_shared<lock::ParallelLock>(make, [this, hash] { return fleet_.places(hash); });
}

// A lock that was held by others all the time is waited for on, as long as they get somewhere: their fences rise.
asio::awaitable<TurnTaker::Turn> TurnTaker::take(conf::LockSettings settings, std::string hash, Patience patience,
                                                 std::function<bool()> is_over) {
    const auto lock = lock_for(settings, hash);
    const auto holder = holder_name(settings);
    const std::function<double()> dice = [this] { return std::uniform_real_distribution<double>(0, 1)(random_); };
    for (;;) {
        const auto fence = fleet_.fence();
        auto lease = co_await lock::acquire(*lock, holder, settings.wait, dice, is_over);
        const bool in_vain = lease.error() == lock::LockError::timed_out;
        const bool moves = fleet_.fence() > fence;
        if (in_vain && moves && patience == Patience::while_others_get_through && !is_over()) continue;
        Turn turn{lock, std::move(lease)};
        co_return turn;
    }
}

} // namespace weir::proxy
