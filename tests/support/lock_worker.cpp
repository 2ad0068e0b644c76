// One of many processes that compete for one lock and record changes under it, with pauses that outlast leases. It
// writes one line per operation to a history file, which tests/scenario/test_history.py checks.
//
//   lock_worker URL STATE_DIR HISTORY NAME OPERATIONS SEED
//
//   <began ns> <ended ns> <name> <operation> <result> <fence> <hash> <deadline ns>
//
// All times are from the machine's monotonic clock.
#include "lock/fleet/fleet_records.h"
#include "lock/redis/redis_lock.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <iostream>
#include <optional>
#include <random>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

using namespace weir::lock;
using weir::Result;
namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds ttl(150);

std::int64_t nanoseconds(SteadyClock::time_point time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

class Worker {
public:
    Worker(const RedisOptions& server, const std::string& state_dir, const char* history, std::string name,
           unsigned seed)
        : name_(std::move(name)), random_(seed), lock_(context_.get_executor(), server, LeaseTerms{"test", ttl, 0},
                                                       AsyncFenceStore(context_.get_executor(), state_dir)),
          records_(std::make_shared<RedisQuorum>(context_.get_executor(), std::vector{server}), "test"),
          history_(::open(history, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {}
    ~Worker() { ::close(history_); }

    bool is_ready() const { return history_ >= 0; }

    // Makes one change, from taking the lease to releasing it; returns the number of operations.
    int change() {
        const auto began = SteadyClock::now();
        const auto taken = wait_for(lock_.try_acquire(name_));
        if (!taken && taken.error() == LockError::held) {
            std::this_thread::sleep_for(milliseconds(pick(5)));
            return 0;
        }
        note(began, "acquire", taken ? Result<void>() : taken.error(), taken ? *taken : Lease{}, "-");
        if (!taken) return 1;
        auto lease = *taken;
        const auto hash = name_ + "-" + std::to_string(lease.fence) + "-" + std::to_string(pick(1'000'000));
        int operations = 2;
        for (; pick(2) == 0 && operations < 5; ++operations)
            step("renew", lease, hash, [&] { return lock_.renew(lease); });
        const auto begun = step("begin", lease, hash, [&] {
            return records_.begin({lease.fence, hash, name_, {}, "", 0, 0});
        });
        if (begun) {
            ++operations;
            step("finish", lease, hash, [&] {
                return records_.finish({lease.fence, hash, name_, ChangeVerdict::good, "", 0, 0});
            });
        }
        step("release", lease, hash, [&] { return release(lease); });
        return operations + 1;
    }

private:
    template <class T> T wait_for(Awaitable<T> work) {
        std::optional<T> result;
        asio::co_spawn(context_, std::move(work), [&](std::exception_ptr, T value) { result = std::move(value); });
        context_.restart();
        while (!result) context_.run_one();
        return *result;
    }

    // A process killed during the release may have released the lock, so the intent is recorded first.
    Awaitable<Result<void>> release(Lease lease) {
        note(SteadyClock::now(), "giving", Result<void>(), lease, "-");
        co_await lock_.release(std::move(lease));
        co_return Result<void>();
    }

    // Returns whether the operation succeeded. Pauses before the operation, occasionally for longer than the lease.
    template <class Make> bool step(const char* operation, const Lease& lease, const std::string& hash, Make make) {
        std::this_thread::sleep_for(pick(30) == 0 ? ttl + milliseconds(pick(80)) : milliseconds(pick(3)));
        const auto began = SteadyClock::now();
        const auto result = wait_for(make());
        note(began, operation, result, lease, hash);
        return result.has_value();
    }

    void note(SteadyClock::time_point began, const char* operation, const Result<void>& result, const Lease& lease,
              const std::string& hash) const {
        const auto line =
            std::to_string(nanoseconds(began)) + " " + std::to_string(nanoseconds(SteadyClock::now())) + " " + name_ +
            " " + operation + " " + (result ? "ok" : std::to_string(result.error().code().value())) + " " +
            std::to_string(lease.fence) + " " + hash + " " + std::to_string(nanoseconds(lease.deadline)) + "\n";
        if (::write(history_, line.data(), line.size()) < 0) std::cerr << "the history cannot be written\n";
    }

    int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

    asio::io_context context_{1};
    const std::string name_;
    std::mt19937 random_;
    RedisLock lock_;
    FleetRecords records_;
    const int history_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 7) return 2;
    const RedisOptions server{argv[1], "", "", milliseconds(1000), "", {}};
    Worker worker(server, argv[2], argv[3], argv[4], static_cast<unsigned>(std::atoi(argv[6])));
    if (!worker.is_ready()) return 1;
    for (int left = std::atoi(argv[5]); left > 0;) left -= worker.change();
    return 0;
}
