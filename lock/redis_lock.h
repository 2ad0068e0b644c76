// The lock of all machines that share one Redis server: SET NX PX with a token of its own, a counter as fence, renewal
// and release only where the token is still there. Each is one script, so nothing happens in between.
//
// The fence also rises above the highest that this machine has on disk: a server that lost its memory cannot make it
// go back here.
//
// Thread: the control thread.
// Lifetime: must outlive the coroutines that it started.
#pragma once

#include "lock/fence_store.h"
#include "lock/lock.h"
#include "lock/redis_client.h"

namespace weir::lock {

struct RedisLockOptions {
    RedisOptions server;
    std::string fleet = "default";
    std::chrono::milliseconds ttl{15000};
    std::string state_dir;
};

class RedisLock final : public Lock {
public:
    RedisLock(boost::asio::any_io_executor executor, RedisLockOptions options);

    Awaitable<Result<Lease>> try_acquire(std::string holder) override;
    Awaitable<boost::system::error_code> renew(Lease& lease) override;
    Awaitable<void> release(Lease lease) override;
    std::chrono::milliseconds ttl() const override { return options_.ttl; }
    std::string last_problem() const override { return problem_; }

private:
    Awaitable<Result<RedisReply>> run(std::vector<std::string> words);
    boost::system::error_code fail(std::string why);

    RedisLockOptions options_;
    std::string key_, fence_key_, problem_;
    FenceStore fences_;
    RedisClient client_;
};

// A token that nobody else has: the holder's name and 128 random bits.
std::string make_token(const std::string& holder);

} // namespace weir::lock
