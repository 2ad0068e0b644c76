#include "proxy/fleet/reload_lock.h"

#include "lock/lease/acquire.h"
#include "lock/lease/local_lock.h"
#include "lock/lease/parallel_slots.h"
#include "proxy/fleet/lock_factory.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// The name under which other machines see this holder of the lock.
std::string holder_name(const conf::LockSettings& settings) {
    return member_name(settings) + ":" + std::to_string(::getpid());
}

// Reads the disk, so it runs on a thread that may block.
asio::awaitable<std::optional<lock::FlockHolder>> find_holder(std::string state_dir) {
    co_return lock::find_flock_holder(lock::local_lock_path(state_dir));
}

} // namespace

asio::awaitable<std::optional<lock::FlockHolder>> ReloadLock::find_local_holder() const {
    co_return co_await asio::co_spawn(fences_.disk(), find_holder(fences_.state_dir()), asio::use_awaitable);
}

// With parallel slots, their number is what the fleet allows at the moment.
std::shared_ptr<lock::Lock> ReloadLock::lock_for(const conf::LockSettings& settings, const std::string& hash) {
    const lock::ParallelSlots::Make make = [executor = control_.get_executor(), settings, fences = fences_](
                                               unsigned slot) { return make_lock(executor, settings, fences, slot); };
    if (settings.parallel == conf::Parallel{}) return make(1);
    return std::make_shared<lock::ParallelSlots>(make, [this, hash] { return fleet_.parallel_slots(hash); });
}

// After a timeout, keeps waiting as long as other machines make progress, which shows in rising fences.
asio::awaitable<ReloadLock::Attempt> ReloadLock::take(conf::LockSettings settings, std::string hash, WaitPolicy policy,
                                                      std::function<bool()> is_over) {
    const auto lock = lock_for(settings, hash);
    const auto holder = holder_name(settings);
    const std::function<double()> jitter = [this] { return std::uniform_real_distribution<double>(0, 1)(random_); };
    for (;;) {
        const auto fence = fleet_.fence();
        auto lease = co_await lock::acquire(*lock, holder, settings.wait, jitter, is_over);
        const bool timed_out = !lease && lease.error() == lock::LockError::timed_out;
        const bool others_progress = fleet_.fence() > fence;
        if (timed_out && others_progress && policy == WaitPolicy::while_others_get_through && !is_over()) continue;
        Attempt attempt{lock, std::move(lease)};
        co_return attempt;
    }
}

} // namespace weir::proxy
