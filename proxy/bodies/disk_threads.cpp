#include "proxy/bodies/disk_threads.h"

#include "base/signal_mask.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <utility>

#include <pthread.h>

namespace weir::proxy {
namespace {

constexpr auto stop_timeout = std::chrono::seconds(2); // then a thread that the disk holds up is left behind

} // namespace

struct DiskThreads::Queue {
    std::mutex mutex; // guards what follows
    std::condition_variable wake, ended;
    std::deque<Job> jobs;
    std::size_t running = 0; // threads
    bool stopping = false;
};

DiskThreads::DiskThreads(std::size_t threads) : count_(threads), queue_(std::make_shared<Queue>()) {}

bool DiskThreads::submit(Job job) {
    const std::lock_guard lock(queue_->mutex);
    if (queue_->stopping) return false;
    try {
        if (threads_.size() < count_) {
            threads_.emplace_back([queue = queue_] { run(queue); });
            ++queue_->running;
        }
    } catch (const std::system_error&) { // the machine has no room for one more
        if (threads_.empty()) return false;
    }
    queue_->jobs.push_back(std::move(job));
    queue_->wake.notify_one();
    return true;
}

void DiskThreads::stop() {
    std::deque<Job> dropped;
    std::unique_lock lock(queue_->mutex);
    queue_->stopping = true;
    dropped.swap(queue_->jobs);
    queue_->wake.notify_all();
    const bool ended =
        queue_->ended.wait_for(lock, stop_timeout, [&] { return threads_.empty() || queue_->running == 0; });
    lock.unlock();
    for (auto& thread : threads_) ended ? thread.join() : thread.detach();
    threads_.clear();
}

void DiskThreads::run(const std::shared_ptr<Queue>& queue) {
    ::pthread_setname_np(::pthread_self(), "bodies");
    block_signals(); // a file over the size that the process may write raises one, and an error besides
    std::unique_lock lock(queue->mutex);
    for (;;) {
        queue->wake.wait(lock, [&] { return queue->stopping || !queue->jobs.empty(); });
        if (queue->stopping) break;
        auto job = std::move(queue->jobs.front());
        queue->jobs.pop_front();
        lock.unlock();
        job.work();
        lock.lock();
        if (!queue->stopping && job.done) job.done();
        lock.unlock();
        job = {}; // closing a file may wait for the disk, too
        lock.lock();
    }
    --queue->running;
    queue->ended.notify_all();
}

} // namespace weir::proxy
