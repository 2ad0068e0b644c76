// Threads that wait for the disk, so that no worker does. A disk that hangs delays only the jobs behind it.
//
//   submit ─→ queue ─→ a thread works ─→ done()
//
// The queue has no limit of its own: a body has at most one job in it, and one more that closes its file.
//
// Thread: `submit` from any thread; the constructor, `stop` and the destructor on one.
// Lifetime: no `done` is called after `stop` has returned. A thread that the disk holds up is left behind then; it
// shares only the queue, and what its job refers to.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace weir::proxy {

class DiskThreads {
public:
    struct Job {
        std::function<void()> work; // called on a thread of this; freed there, too
        std::function<void()> done; // called after it, on the same thread; must not wait; may be empty
    };

    // The threads start with the first job.
    explicit DiskThreads(std::size_t threads);
    ~DiskThreads() { stop(); }
    DiskThreads(const DiskThreads&) = delete;
    DiskThreads& operator=(const DiskThreads&) = delete;

    // Does a job later. Returns false, and drops it, after `stop`, or if no thread can be started.
    [[nodiscard]] bool submit(Job job);
    // Drops the queued jobs, and ends the threads. Waits up to 2 s for running jobs.
    void stop();

private:
    struct Queue;

    static void run(const std::shared_ptr<Queue>& queue);

    const std::size_t count_;
    std::shared_ptr<Queue> queue_;
    std::vector<std::thread> threads_; // guarded by the queue's mutex
};

} // namespace weir::proxy
