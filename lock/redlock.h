// The lock of several independent Redis servers (3 or 5): whoever has it on a majority has it. One that fails, loses
// its memory or lags changes nothing as long as a majority stands.
//
// The fence rises from lease to lease: the highest of the majority is written back to a majority before the lease
// counts, and any two majorities share a server. The deadline allows for clocks that run at different speeds.
//
// Thread: the control thread.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/fences.h"
#include "lock/redis_leases.h"

#include <functional>
#include <memory>
#include <vector>

namespace weir::lock {

class Redlock final : public Lock {
public:
    Redlock(boost::asio::any_io_executor executor, std::vector<RedisOptions> servers, const LeaseTerms& terms,
            Fences fences);

    Awaitable<Result<Lease>> try_acquire(std::string holder) override;
    Awaitable<boost::system::error_code> renew(Lease& lease) override;
    Awaitable<void> release(Lease lease) override;
    std::chrono::milliseconds ttl() const override { return ttl_; }
    std::string last_problem() const override { return problem_; }

private:
    // How many servers gave which answer.
    struct Votes {
        std::size_t yes = 0, no = 0; // the others cannot be reached
        std::uint64_t fence = 0;     // the highest of those who said yes
        std::string problem;
    };
    using Ask = std::function<Awaitable<Result<std::uint64_t>>(RedisLeases&)>;
    Awaitable<Votes> ask_all(Ask ask);
    bool is_majority(std::size_t count) const { return count > servers_.size() / 2; }
    Clock::time_point deadline_from(Clock::time_point began) const;
    boost::system::error_code fail(const Votes& votes);

    boost::asio::any_io_executor executor_;
    const std::chrono::milliseconds ttl_;
    std::vector<std::shared_ptr<RedisLeases>> servers_;
    const Fences fences_;
    std::string problem_;
};

} // namespace weir::lock
